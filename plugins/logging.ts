import { type FastifyReply, type FastifyRequest, LogController } from 'fastify'
import fp from 'fastify-plugin'
import { correlationHeader } from '#src/correlation'
import { requestPath } from '#src/request-path'

// nginx's code for a client that hung up before its answer.
const clientClosedRequest = 499

/**
 * Fastify's `logController`: one completion line per request. It is told of every request before any hook, also of one
 * whose URL the router refuses, and hears of the end from the socket, also when the client hangs up.
 */
class RequestLog extends LogController {
  constructor() {
    super({ requestIdLogLabel: 'correlationId' })
  }

  override incomingRequest(request: FastifyRequest, reply: FastifyReply): void {
    const startedAt = performance.now()
    reply.raw.once('close', () => {
      const userId = userIdOf(request)
      request.log.info(
        {
          ...requestLine(request),
          route: request.routeOptions.url ?? 'unknown',
          statusCode: reply.raw.writableEnded ? reply.raw.statusCode : clientClosedRequest,
          durationMs: Math.round((performance.now() - startedAt) * 100) / 100,
          ...(userId && { userId }),
        },
        'Outgoing response',
      )
    })
  }

  // The socket's `close` covers it.
  override requestCompleted(): void {}
}

export const requestLog = new RequestLog()

/** Gives the caller the id under which the log knows the request, and says that it has come. */
export default fp(
  async (app) => {
    app.addHook('onRequest', (request, reply, done) => {
      reply.header(correlationHeader, request.id)
      request.log.debug(requestLine(request), 'Incoming request')
      done()
    })
  },
  // The id of a trace is in every line.
  { name: 'logging', dependencies: ['tracing'] },
)

function requestLine({ method, raw }: FastifyRequest) {
  return { method, path: requestPath(raw.url ?? '') }
}

// A request that was refused early has no principal, not even a null one.
function userIdOf(request: FastifyRequest): string | undefined {
  const { principal } = request as { principal?: { user: { id: string } } | null }
  return principal?.user.id
}
