import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { emptyAnswer, PasswordBody } from '#src/schemas'

const route: FastifyPluginAsyncTypebox = async (app) => {
  app.put(
    '/password',
    {
      config: { hashesPassword: true },
      schema: {
        operationId: 'changePassword',
        summary: "Replace the caller's password",
        description: 'Every other session of the account ends.',
        tags: ['account'],
        security: [{ accessToken: [] }],
        body: PasswordBody,
        errors: ['InvalidCredentialsError'],
        response: {
          204: emptyAnswer('The password is replaced'),
        },
      },
    },
    async (request, reply) => {
      await app.accounts.changePassword(request.authenticated(), request.body, request.auditContext())
      return reply.code(204).send(null)
    },
  )
}

export default route
