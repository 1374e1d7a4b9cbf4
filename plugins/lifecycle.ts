import fp from 'fastify-plugin'

declare module 'fastify' {
  interface FastifyInstance {
    lifecycle: {
      /** The service is about to stop: health says so, requests are still served. */
      readonly draining: boolean
      /** Turns `draining` on, for good. */
      drain(): void
    }
  }
}

const sweepMs = 100

/**
 * Ends connections with the requests on them. Left to the defaults, a kept-alive connection that is busy when the stop
 * begins stays open for the whole keep-alive timeout, and the stop waits for it.
 */
export default fp(
  async (app) => {
    let draining = false
    app.decorate('lifecycle', {
      get draining() {
        return draining
      },
      drain() {
        draining = true
      },
    })

    // From the drain on, so that clients come back on another connection, and to another instance where there is one.
    app.addHook('onSend', async (_request, reply) => {
      if (draining) reply.header('connection', 'close')
    })

    app.addHook('preClose', async () => {
      draining = true
      const sweep = setInterval(() => app.server.closeIdleConnections(), sweepMs).unref()
      app.server.once('close', () => clearInterval(sweep))
    })
  },
  { name: 'lifecycle' },
)
