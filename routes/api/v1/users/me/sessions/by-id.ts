import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { emptyAnswer, SessionParams } from '#src/schemas'

const route: FastifyPluginAsyncTypebox = async (app) => {
  app.delete(
    '/:id',
    {
      schema: {
        operationId: 'revokeSession',
        summary: "End one of the caller's sessions",
        description: 'Its tokens stop working at once. The own session may be ended too.',
        tags: ['sessions'],
        security: [{ accessToken: [] }],
        params: SessionParams,
        errors: ['NotFoundError'],
        response: {
          204: emptyAnswer('The session has ended'),
        },
      },
    },
    async (request, reply) => {
      await app.sessions.revoke(request.authenticated(), request.params.id, request.auditContext())
      return reply.code(204).send(null)
    },
  )
}

export default route
