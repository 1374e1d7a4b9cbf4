import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { ApiVersion, answer, apiVersionExample, PageOf, ref } from '#src/schemas'

const route: FastifyPluginAsyncTypebox = async (app) => {
  app.get(
    '/versions',
    {
      schema: {
        operationId: 'listVersions',
        summary: 'List the versions of the API',
        description:
          'With what is known of their end, which their answers also say in `Deprecation`, `Sunset` and `Link`. It is one page.',
        tags: ['reference'],
        security: [],
        response: {
          200: answer('All versions', PageOf(ref(ApiVersion)), { items: [apiVersionExample], nextCursor: null }),
        },
      },
    },
    async () => ({ items: app.versions.list(), nextCursor: null }),
  )
}

export default route
