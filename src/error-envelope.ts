import type { AppError } from '#src/errors'
import { type ErrorEnvelope, errorRegistry } from '#src/schemas'

// Enough for every field of a form; a body of thousands of unknown keys must not become an answer many times its size.
const maxItems = 50

/** The body of an error answer. `path` is without its query, `''` where no request line could be read. */
export function errorEnvelope(error: AppError, correlationId: string, path: string): ErrorEnvelope {
  const { status, example } = errorRegistry[error.name]
  return {
    success: false,
    statusCode: status,
    name: error.name,
    message: status === 500 ? example : error.message,
    correlationId,
    timestamp: new Date().toISOString(),
    path,
    data: { errors: error.errors.slice(0, maxItems) },
  }
}

/** The headers that go with an error: RFC 6750 wants a challenge on every 401, RFC 9110 a `Retry-After` in seconds. */
export function errorHeaders(error: AppError): Record<string, string> {
  const headers: Record<string, string> = {
    'content-type': 'application/json; charset=utf-8',
    'cache-control': 'no-store',
  }
  const { status } = errorRegistry[error.name]
  if (status === 401) {
    const detail = error.name === 'InvalidTokenError' ? ', error="invalid_token"' : ''
    headers['www-authenticate'] = `Bearer realm="gatehouse"${detail}`
  }
  if (status === 429 || status === 503) {
    headers['retry-after'] = String(Math.max(1, Math.ceil(error.retryAfterSeconds ?? 1)))
  }
  return headers
}
