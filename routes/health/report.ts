import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { answer, Health, healthExample, ref, unhealthyExample } from '#src/schemas'

const route: FastifyPluginAsyncTypebox = async (app) => {
  app.get(
    '',
    {
      config: { limits: [] },
      schema: {
        operationId: 'getHealth',
        summary: 'The health of the service and its stores',
        description:
          '200 while the service is of use, though an optional store may be down; 503 with the same body otherwise.',
        tags: ['operations'],
        security: [],
        response: {
          200: answer('Healthy or degraded', ref(Health), healthExample),
          503: answer(
            'Unhealthy: a required store is down, or the service is about to stop',
            ref(Health),
            unhealthyExample,
          ),
        },
      },
    },
    async (_request, reply) => {
      const report = await app.health.report()
      return reply.code(report.status === 'unhealthy' ? 503 : 200).send(report)
    },
  )
}

export default route
