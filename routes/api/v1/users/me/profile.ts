import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import {
  answer,
  errorAnswers,
  errorsOf,
  IfMatchHeader,
  ProfileBody,
  ref,
  toUserBody,
  User,
  userExample,
} from '#src/schemas'

const path = '/api/v1/users/me'
const etagHeader = { ETag: { type: 'string', description: 'The strong validator of this state' } } as const

const route: FastifyPluginAsyncTypebox = async (app) => {
  app.get(
    '',
    {
      schema: {
        operationId: 'getMe',
        summary: "Read the caller's account",
        tags: ['account'],
        security: [{ accessToken: [] }],
        response: {
          200: answer('The account', ref(User), userExample, etagHeader),
          ...errorAnswers(path, [...errorsOf.everywhere, ...errorsOf.withToken]),
        },
      },
    },
    async (request, reply) => {
      const { user } = request.authenticated()
      return reply.header('etag', app.accounts.etag(user)).send(toUserBody(user))
    },
  )

  app.patch(
    '',
    {
      schema: {
        operationId: 'updateMe',
        summary: "Change the caller's profile",
        description:
          'With `If-Match`, only the named state is changed: whoever was faster wins, and the other one gets 412.',
        tags: ['account'],
        security: [{ accessToken: [] }],
        headers: IfMatchHeader,
        body: ProfileBody,
        response: {
          200: answer('The changed account', ref(User), { ...userExample, fullName: 'John R. Doe' }, etagHeader),
          ...errorAnswers(path, [
            ...errorsOf.everywhere,
            ...errorsOf.withBody,
            ...errorsOf.withToken,
            'EmailTakenError',
            'PreconditionFailedError',
          ]),
        },
      },
    },
    async (request, reply) => {
      const user = await app.accounts.updateProfile(
        request.authenticated(),
        request.body,
        request.headers['if-match'],
        request.auditContext(),
      )
      return reply.header('etag', app.accounts.etag(user)).send(toUserBody(user))
    },
  )
}

export default route
