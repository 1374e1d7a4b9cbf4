import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { errorEnvelope, errorHeaders } from '#src/error-envelope'
import { AppError } from '#src/errors'
import { requestPath } from '#src/request-path'
import { type SchemaViolation, validationItem } from '#src/validation-items'

/** What the framework and its plugins throw, in our words: theirs name routes and repeat what was sent. */
const frameworkErrors: Record<string, (error: FastifyError) => AppError> = {
  FST_ERR_VALIDATION: ({ validation }) =>
    new AppError('ValidationError', 'Validation failed', {
      errors: (validation ?? []).map((violation) => validationItem(violation as SchemaViolation)),
    }),
  FST_ERR_BAD_URL: () => new AppError('MalformedRequestError', 'The URL is not valid percent-encoding'),
  FST_ERR_CTP_INVALID_JSON_BODY: () => new AppError('MalformedRequestError', 'The request body is not valid JSON'),
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: () =>
    new AppError('MalformedRequestError', 'The request body is not as long as Content-Length says'),
  FST_ERR_CTP_BODY_TOO_LARGE: () => new AppError('PayloadTooLargeError', 'The request body is too large'),
  FST_ERR_CTP_INVALID_MEDIA_TYPE: () =>
    new AppError('UnsupportedMediaTypeError', 'The request body must be application/json'),
  FST_ERR_MAX_PARAM_LENGTH: () => new AppError('UriTooLongError', 'A part of the URL is too long'),
}

/** The only place where an error becomes a status; what it does not know is a fault of ours. */
export default fp(
  async (app) => {
    app.setErrorHandler((error, request, reply) => {
      const shown = publicError(error, request)
      logFault(error, shown, request)
      return sendError(shown, request, reply)
    })
  },
  { name: 'errors', dependencies: ['logging', 'security-headers'] },
)

// `error` can be anything: a dependency may throw null, or an object that claims a status.
function publicError(error: unknown, request: FastifyRequest): AppError {
  if (error instanceof AppError) return error
  if (error instanceof Error && 'code' in error) {
    const translated = frameworkErrors[String(error.code)]?.(error as FastifyError)
    if (translated) return translated
  }
  // The client hung up while it sent the body: nobody reads the answer, and it is no fault of ours.
  if (request.raw.destroyed && !request.raw.complete) {
    return new AppError('MalformedRequestError', 'The request was cut off')
  }
  return new AppError('InternalServerError', 'Internal server error', { cause: error })
}

// A 4xx is the caller's affair and has its completion line; a fault is logged here, once. A 503 without a cause was our
// own decision, which is counted: a line for each would only add to the load.
function logFault(error: unknown, shown: AppError, { log }: FastifyRequest): void {
  if (shown.name === 'InternalServerError') {
    log.error({ err: error instanceof Error ? error : new TypeError(`Thrown: ${typeof error}, not an error`) }, 'Fault')
  } else if (shown.name === 'GatewayTimeoutError') {
    log.warn({ err: error }, shown.message)
  } else if (shown.name === 'ServiceUnavailableError' && shown.cause !== undefined) {
    log.warn({ err: shown.cause }, shown.message)
  }
}

// A string passes by the route's response models: no model can drop a field of the envelope or fail on it.
function sendError(error: AppError, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const envelope = errorEnvelope(error, request.id, requestPath(request.raw.url ?? ''))
  return reply.code(envelope.statusCode).headers(errorHeaders(error)).send(JSON.stringify(envelope))
}
