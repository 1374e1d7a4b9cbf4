import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { answer, ErrorDescription, errorDescriptions, PageOf, ref } from '#src/schemas'

const route: FastifyPluginAsyncTypebox = async (app) => {
  app.get(
    '/errors',
    {
      schema: {
        operationId: 'listErrors',
        summary: 'List every error name',
        description: 'The closed list that clients may switch on. It is one page.',
        tags: ['reference'],
        security: [],
        response: {
          200: answer('All error names', PageOf(ref(ErrorDescription)), {
            items: errorDescriptions,
            nextCursor: null,
          }),
        },
      },
    },
    async () => ({ items: errorDescriptions, nextCursor: null }),
  )
}

export default route
