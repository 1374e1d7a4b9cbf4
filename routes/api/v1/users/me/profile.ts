import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import {
  answer,
  emptyAnswer,
  etagHeader,
  IfMatchHeader,
  IfNoneMatchHeader,
  ProfileBody,
  ref,
  toUserBody,
  User,
  userExample,
} from '#src/schemas'

const route: FastifyPluginAsyncTypebox = async (app) => {
  app.get(
    '',
    {
      schema: {
        operationId: 'getMe',
        summary: "Read the caller's account",
        description: 'With `If-None-Match`, only a state that the caller does not have yet is sent.',
        tags: ['account'],
        security: [{ accessToken: [] }],
        headers: IfNoneMatchHeader,
        response: {
          200: answer('The account', ref(User), userExample, etagHeader),
          304: emptyAnswer('The caller has this state', etagHeader),
        },
      },
    },
    async (request, reply) => {
      const { user } = request.authenticated()
      reply.header('etag', app.accounts.etag(user))
      if (app.accounts.isNotModified(request.headers['if-none-match'], user)) return reply.code(304).send(null)
      // Not the reply: Fastify would wait for the end of one that is returned.
      return toUserBody(user)
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
        errors: ['EmailTakenError', 'PreconditionFailedError'],
        response: {
          200: answer('The changed account', ref(User), { ...userExample, fullName: 'John R. Doe' }, etagHeader),
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
      reply.header('etag', app.accounts.etag(user))
      return toUserBody(user)
    },
  )
}

export default route
