import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { answer, RefreshBody, ref, TokenPair, tokenPairExample } from '#src/schemas'

const route: FastifyPluginAsyncTypebox = async (app) => {
  app.post(
    '/refresh',
    {
      config: { limits: ['refresh'] },
      schema: {
        operationId: 'refresh',
        summary: 'Replace the tokens of a session',
        description:
          'A refresh token is good for one use. Within 10 seconds it gives the same successor again, for clients that race with themselves; after that its return counts as theft and ends the session.',
        tags: ['auth'],
        security: [],
        body: RefreshBody,
        errors: ['InvalidRefreshTokenError', 'RefreshTokenReusedError'],
        response: {
          200: answer('The next tokens of the session', ref(TokenPair), tokenPairExample),
        },
      },
    },
    async (request) => app.sessions.refresh(request.body.refreshToken, request.auditContext()),
  )
}

export default route
