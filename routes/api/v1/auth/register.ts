import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { answer, IdempotencyHeader, RegisterBody, ref, toUserBody, User, userExample } from '#src/schemas'

const created = (user: Parameters<typeof toUserBody>[0]) => ({
  status: 201,
  headers: { location: '/api/v1/users/me' },
  body: toUserBody(user),
})

const route: FastifyPluginAsyncTypebox = async (app) => {
  app.post(
    '/register',
    {
      config: { hashesPassword: true, limits: ['register'], idempotent: true },
      schema: {
        operationId: 'register',
        summary: 'Open an account',
        description:
          'E-mail addresses are compared trimmed and case-insensitively. A password has 15 to 128 characters of any kind, is not a common one and does not contain the local part of the address.',
        tags: ['auth'],
        security: [],
        headers: IdempotencyHeader,
        body: RegisterBody,
        errors: ['IdempotencyKeyError', 'EmailTakenError', 'IdempotencyConflictError', 'IdempotencyMismatchError'],
        response: {
          201: answer('The new account', ref(User), userExample, {
            Location: { type: 'string', description: 'Where the account is read', examples: ['/api/v1/users/me'] },
          }),
        },
      },
    },
    async (request, reply) => {
      const user = await app.accounts.register(request.body, request.auditContext(), request.idempotent(created))
      const { headers, body } = created(user)
      return reply.code(201).headers(headers).send(body)
    },
  )
}

export default route
