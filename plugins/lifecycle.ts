import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import fp from 'fastify-plugin'
import { responseOn } from '#src/response-on'

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
  const connections = new Set<Socket>()
  server.on('connection', (socket) => {
    connections.add(socket)
    socket.once('close', () => connections.delete(socket))
  })

  return () => {
    for (const socket of connections) {
      const response = responseOn(socket)
      const waits = response !== null && !response.closed && response.req.complete
      if (!waits) socket.destroy()
    }
  }
}
