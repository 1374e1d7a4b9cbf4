import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { answer, Readiness, ref } from '#src/schemas'

const route: FastifyPluginAsyncTypebox = async (app) => {
  app.get(
    '/ready',
    {
      config: { limits: [] },
      schema: {
        operationId: 'getReadiness',
        summary: 'Whether requests should be sent here',
        description:
          'What a load balancer asks: 503 while a required store is down, migrations are pending or the service is about to stop.',
        tags: ['operations'],
        security: [],
        response: {
          200: answer('Ready', ref(Readiness), { status: 'ready', reasons: [] }),
          503: answer('Not ready', ref(Readiness), { status: 'unready', reasons: ['draining'] }),
        },
      },
    },
    async (_request, reply) => {
      const readiness = await app.health.readiness()
      return reply.code(readiness.status === 'ready' ? 200 : 503).send(readiness)
    },
  )
}

export default route
