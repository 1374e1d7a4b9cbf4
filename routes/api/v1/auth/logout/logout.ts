import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { emptyAnswer } from '#src/schemas'

const route: FastifyPluginAsyncTypebox = async (app) => {
  app.post(
    '',
    {
      schema: {
        operationId: 'logout',
        summary: 'Sign out',
        description: 'Ends the session: its access and refresh tokens stop working at once.',
        tags: ['auth'],
        security: [{ accessToken: [] }],
        response: {
          204: emptyAnswer('The session has ended'),
        },
      },
    },
    async (request, reply) => {
      await app.sessions.logout(request.authenticated(), request.auditContext())
      return reply.code(204).send(null)
    },
  )
}

export default route
