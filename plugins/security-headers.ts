import fp from 'fastify-plugin'
import { securityHeaders } from '#src/security-headers'

/** Sets the security headers first, so that every later answer, an error too, has them. */
export default fp(
  async (app) => {
    app.addHook('onRequest', (_request, reply, done) => {
      reply.headers(securityHeaders)
      done()
    })
  },
  { name: 'security-headers' },
)
