import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { answer, LoginBody, ref, TokenPair, tokenPairExample } from '#src/schemas'

const route: FastifyPluginAsyncTypebox = async (app) => {
  app.post(
    '/login',
    {
      config: { hashesPassword: true, limits: ['login-address', 'login'] },
      schema: {
        operationId: 'login',
        summary: 'Sign in on a device',
        description:
          'Opens a session and gives its first pair of tokens. Unknown addresses and wrong passwords get the same answer in the same time.',
        tags: ['auth'],
        security: [],
        body: LoginBody,
        errors: ['InvalidCredentialsError', 'AccountDisabledError'],
        response: {
          200: answer('The first tokens of a new session', ref(TokenPair), tokenPairExample),
        },
      },
    },
    async (request) => app.sessions.login(request.body, request.auditContext()),
  )
}

export default route
