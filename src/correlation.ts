import { randomUUIDv7 } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'

/** The header that carries the correlation id of a request, in both directions. */
export const correlationHeader = 'x-correlation-id'

// Bounded and free of quotes and spaces, because the value goes into every log line and back to the caller.
const acceptable = /^[A-Za-z0-9._-]{1,128}$/

/** The caller's correlation id if it is well formed, else a new one. */
export function correlationId(request: { headers: IncomingHttpHeaders }): string {
  const sent = request.headers[correlationHeader]
  return typeof sent === 'string' && acceptable.test(sent) ? sent : randomUUIDv7()
}
