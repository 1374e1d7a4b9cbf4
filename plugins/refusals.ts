import { EventEmitter } from 'node:events'
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { correlationHeader } from '#src/correlation'
import { errorEnvelope, errorHeaders } from '#src/error-envelope'
import { AppError } from '#src/errors'
import { newId } from '#src/ids'
import type { RefusalReason } from '#src/refusals'
import { responseOn } from '#src/response-on'
import { securityHeaders } from '#src/security-headers'

declare module 'fastify' {
  interface FastifyInstance {
    /** Emits `refused` for each request that was turned away before any hook could see it. */
    refusals: EventEmitter<{ refused: [reason: RefusalReason] }>
  }
}

declare module 'node:http' {
  interface IncomingMessage {
    /** Of a request whose body is expected. */
    [replyKey]?: FastifyReply
  }
}

/** The error that Node gives for a connection whose bytes are not a request, or do not come in time. */
interface ConnectionError extends Error {
  code?: string
  /** The bytes of the packet that could not be parsed. */
  rawPacket?: unknown
}

// An `import` of their values would load all that the module offers, a WebSocket client included: 0.1 s of each start.
const { maxHeaderSize, STATUS_CODES } = process.getBuiltinModule('node:http')

// How long a refused client may take to read its answer before the connection is cut.
const lingerMs = 1000

const refused = new WeakSet<Socket>()
// A property of the request, since V8 lets go of what a `WeakMap` holds only when it collects its old generation: all
// requests with a body, and what they refer to, would be carried there.
const replyKey = Symbol('reply')

/** What is wrong with a request before it reaches a route. The server needs `http.requireHostHeader: false`. */
export default fp(
  async (app) => {
    app.decorate('refusals', new EventEmitter())

    // Node itself answers a missing Host and an unknown expectation with an empty body of its own.
    app.addHook('onRequest', ({ raw }, reply, done) => {
      if (raw.headers['content-length'] || raw.headers['transfer-encoding']) raw[replyKey] = reply
      const hostMissing = raw.headers.host === undefined && raw.httpVersion === '1.1'
      done(hostMissing ? new AppError('MalformedRequestError', 'The Host header is missing') : undefined)
    })
    app.server.on('checkExpectation', (request, response) => app.server.emit('request', request, response))
  },
  { name: 'refusals', dependencies: ['errors'] },
)

/** Fastify's `frameworkErrors`: a URL that the router can not read. No hook runs for it. */
export function frameworkErrors(error: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
  const { server } = request
  reply.headers(securityHeaders).header(correlationHeader, request.id)
  server.errorHandler(error, request, reply)
  server.refusals.emit('refused', error.code === 'FST_ERR_MAX_PARAM_LENGTH' ? 'url_too_long' : 'bad_url')
}

/** Fastify's `clientErrorHandler`: bytes on a connection that are not, or not in time, a request. */
export function clientErrorHandler(this: FastifyInstance, cause: ConnectionError, socket: Socket): void {
  // Once refused, a connection is only waiting for its end: further bytes on it are not errors of their own.
  if (cause.code === 'ECONNRESET' || !socket.writable || refused.has(socket)) return
  refused.add(socket)
  const { reason, error } = refusal(cause)

  const answer = () => {
    this.refusals.emit('refused', reason)
    if (!socket.writable) return
    const correlationId = newId()
    this.log.info({ correlationId, reason }, 'Connection refused')
    socket.end(rawAnswer(error, correlationId))
    setTimeout(() => socket.destroy(), lingerMs).unref()
  }
  const response = responseOn(socket)
  if (!response) answer()
  else if (response.req.complete) response.once('close', answer)
  else if (response.headersSent) response.once('close', () => socket.destroySoon())
  // When the hooks that come before the body have had their turn.
  else setImmediate(() => answerRequest(response.req, error) || answer())
}

// A request that Fastify has already got is answered by it, so that hooks, logs and metrics see the answer.
function answerRequest(request: IncomingMessage, error: AppError): boolean {
  if (request.listenerCount('error') > 0) return request.emit('error', error)
  const reply = request[replyKey]
  reply?.header('connection', 'close').send(error)
  return reply !== undefined
}

function refusal({ code, rawPacket }: ConnectionError): { reason: RefusalReason; error: AppError } {
  switch (code) {
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return {
        reason: 'request_timeout',
        error: new AppError('RequestTimeoutError', 'The request did not arrive in time'),
      }
    case 'HPE_HEADER_OVERFLOW':
      // One limit covers the request line and the headers: without a line end so far, it is the URL.
      return Buffer.isBuffer(rawPacket) && /^[A-Z-]+ [^\r\n]*$/.test(rawPacket.toString('latin1', 0, maxHeaderSize))
        ? { reason: 'url_too_long', error: new AppError('UriTooLongError', 'The URL is too long') }
        : {
            reason: 'headers_too_large',
            error: new AppError('HeadersTooLargeError', 'The request headers are too large'),
          }
    default:
      return {
        reason: 'malformed_http',
        error: new AppError('MalformedRequestError', 'The request is not valid HTTP'),
      }
  }
}

function rawAnswer(error: AppError, correlationId: string): string {
  const envelope = errorEnvelope(error, correlationId, '')
  const body = JSON.stringify(envelope)
  const headers = {
    ...securityHeaders,
    ...errorHeaders(error),
    [correlationHeader]: correlationId,
    'content-length': Buffer.byteLength(body),
    connection: 'close',
  }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`)
  return [`HTTP/1.1 ${envelope.statusCode} ${STATUS_CODES[envelope.statusCode]}`, ...lines, '', body].join('\r\n')
}
