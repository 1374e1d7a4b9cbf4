import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { ActivityEvent, ActivityQuery, activityExample, answer, PageOf, ref, toActivityBody } from '#src/schemas'

const route: FastifyPluginAsyncTypebox = async (app) => {
  app.get(
    '/activity',
    {
      schema: {
        operationId: 'listActivity',
        summary: "List what happened on the caller's account",
        description: 'Newest first. An event is seen here shortly after the change that it describes.',
        tags: ['activity'],
        security: [{ accessToken: [] }],
        querystring: ActivityQuery,
        response: {
          200: answer('A page of events', PageOf(ref(ActivityEvent)), { items: [activityExample], nextCursor: null }),
        },
      },
    },
    async (request) => {
      const { limit, cursor, type } = request.query
      const page = await app.audit.activity(request.authenticated().user.id, { limit: Number(limit), cursor, type })
      return { ...page, items: page.items.map(toActivityBody) }
    },
  )
}

export default route
