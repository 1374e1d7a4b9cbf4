import { EventEmitter } from 'node:events'
import {
  type FastifyBaseLogger,
  type FastifyReply,
  type FastifyRequest,
  type FastifyServerOptions,
  LogController,
} from 'fastify'
import fp from 'fastify-plugin'
import { type Logger, symbols } from 'pino'
import { type Completion, completionLine, completionMessage, rounded } from '#src/completion-line'
import { correlationHeader } from '#src/correlation'
import { writeLine } from '#src/line-batch'
import { clientClosedRequest, unknownRoute } from '#src/request-outcome'
import { requestPath } from '#src/request-path'

declare module 'fastify' {
  interface FastifyInstance {
    /** Emits `hungUp` for each request whose client went away before its answer, of which no hook tells. */
    hangUps: EventEmitter<{ hungUp: [request: FastifyRequest, durationMs: number] }>
  }
}

const idLabel = 'correlationId'
const debugLevels: ReadonlySet<string> = new Set(['debug', 'trace'])

/**
 * Fastify's `logController`: one completion line per request. It is told of every request before any hook, also of one
 * whose URL the router refuses, and hears of the end from the socket, also when the client hangs up.
 */
class RequestLog extends LogController {
  constructor() {
    super({ requestIdLogLabel: idLabel })
  }

  override incomingRequest(request: FastifyRequest, reply: FastifyReply): void {
    const startedAt = performance.now()
    const { raw } = reply
    // Not `once`, which wraps every listener in two functions more: a response closes only once.
    raw.on('close', () => {
      const durationMs = performance.now() - startedAt
      const answered = raw.writableEnded
      logCompletion(request.log, {
        method: request.method,
        path: requestPath(request.raw.url ?? ''),
        route: request.routeOptions.url ?? unknownRoute,
        statusCode: answered ? raw.statusCode : clientClosedRequest,
        durationMs,
        userId: userIdOf(request),
      })
      if (!answered) request.server.hangUps.emit('hungUp', request, durationMs)
    })
  }

  // The socket's `close` covers it.
  override requestCompleted(): void {}
}

export const requestLog = new RequestLog()

/**
 * The logger of a request: what pino's `child` makes where nothing but bindings is given. The framework always gives it
 * options too, and `child` then sets up serialisers and formatters anew, for each request.
 */
export const childLogger: NonNullable<FastifyServerOptions['childLoggerFactory']> = (log, bindings, options) => {
  const { [symbols.chindingsSym]: inherited } = log as PinoParts
  if (inherited === undefined || options.level !== undefined || options.serializers !== undefined) {
    return log.child(bindings, options)
  }
  // What is accepted as an id needs no escaping.
  const child = Object.create(log) as FastifyBaseLogger & PinoParts
  child[symbols.chindingsSym] = `${inherited},"${idLabel}":"${bindings[idLabel]}"`
  return child
}

/** Gives the caller the id under which the log knows the request, and says that it has come. */
export default fp(
  async (app) => {
    app.decorate('hangUps', new EventEmitter())
    const debugging = debugLevels.has(app.log.level)
    app.addHook('onRequest', (request, reply, done) => {
      reply.header(correlationHeader, request.id)
      if (debugging) {
        request.log.debug({ method: request.method, path: requestPath(request.raw.url ?? '') }, 'Incoming request')
      }
      done()
    })
  },
  // The id of a trace is in every line.
  { name: 'logging', dependencies: ['tracing'] },
)

const INFO = 30

function logCompletion(log: FastifyBaseLogger, completion: Completion): void {
  const { [symbols.streamSym]: stream, [symbols.chindingsSym]: bindings, [symbols.timeSym]: time } = log as PinoParts
  if (stream === undefined || bindings === undefined || time === undefined) {
    // Another logger, or another copy of pino.
    log.info({ ...completion, durationMs: rounded(completion.durationMs) }, completionMessage)
  } else if ((log as Logger).levelVal <= INFO) {
    writeLine(stream, completionLine(`{"level":${INFO}${time()}${bindings}`, completion))
  }
}

/** What pino keeps under its published symbols. */
interface PinoParts {
  [symbols.streamSym]?: { write(line: string): void }
  [symbols.chindingsSym]?: string
  [symbols.timeSym]?: () => string
}

// A request that was refused early has no principal, not even a null one.
function userIdOf(request: FastifyRequest): string | undefined {
  const { principal } = request as { principal?: { user: { id: string } } | null }
  return principal?.user.id
}
