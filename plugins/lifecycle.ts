import type { Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
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

// A request that has begun to arrive when the stop begins has this long for the rest; bodies are small.
const arrivalMs = 1000

/**
 * Ends connections with the requests on them. Left to the defaults, a kept-alive connection that is busy when the stop
 * begins, or one that is silent, stays open until its own timeout, and the stop waits for it.
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
    app.addHook('onSend', (_request, reply, payload, done) => {
      if (draining) reply.header('connection', 'close')
      done(null, payload)
    })

    const closeUnused = trackConnections(app.server)
    app.addHook('preClose', async () => {
      draining = true
      const deadline = performance.now() + arrivalMs
      const sweep = setInterval(() => {
        app.server.closeIdleConnections()
        if (performance.now() > deadline) closeUnused()
      }, sweepMs).unref()
      app.server.once('close', () => clearInterval(sweep))
    })
  },
  { name: 'lifecycle' },
)

/** Returns what closes each connection on which no complete request waits for its answer; Node has nothing for that. */
function trackConnections(server: Server): () => void {
  // The last response of each connection stands for all of its responses: they are sent in order.
  const latest = new Map<Socket, ServerResponse | null>()
  server.on('connection', (socket) => {
    latest.set(socket, null)
    socket.once('close', () => latest.delete(socket))
  })
  server.on('request', ({ socket }, response) => latest.set(socket, response))

  return () => {
    for (const [socket, response] of latest) {
      const waits = response !== null && !response.closed && response.req.complete
      if (!waits) socket.destroy()
    }
  }
}
