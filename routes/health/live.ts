import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { answer, Liveness, ref } from '#src/schemas'

const alive = { status: 'alive' } as const

const route: FastifyPluginAsyncTypebox = async (app) => {
  app.get(
    '/live',
    {
      config: { limits: [] },
      schema: {
        operationId: 'getLiveness',
        summary: 'Whether the process answers',
        description: 'Touches no store: a failure means that the process should be replaced.',
        tags: ['operations'],
        security: [],
        response: {
          200: answer('The process answers', ref(Liveness), alive),
        },
      },
    },
    () => alive,
  )
}

export default route
