import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { answer, PageOf, PageQuery, ref, Session, sessionExample, toSessionBody } from '#src/schemas'

const route: FastifyPluginAsyncTypebox = async (app) => {
  app.get(
    '',
    {
      schema: {
        operationId: 'listSessions',
        summary: "List the caller's sessions",
        description: 'Newest first; the one that asks has `current: true`.',
        tags: ['sessions'],
        security: [{ accessToken: [] }],
        querystring: PageQuery,
        response: {
          200: answer('A page of sessions', PageOf(ref(Session)), { items: [sessionExample], nextCursor: null }),
        },
      },
    },
    async (request) => {
      const principal = request.authenticated()
      const { limit, cursor } = request.query
      const page = await app.sessions.list(principal, { limit: Number(limit), cursor })
      return { ...page, items: page.items.map((session) => toSessionBody(session, principal.sessionId)) }
    },
  )
}

export default route
