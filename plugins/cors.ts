import fp from 'fastify-plugin'

const preflightHeaders = {
  'access-control-allow-methods': 'GET, HEAD, POST, PUT, PATCH, DELETE',
  'access-control-allow-headers':
    'Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, X-Correlation-Id, traceparent',
  // Seconds. Short enough that a change of the list above reaches browsers soon.
  'access-control-max-age': '600',
}
const exposedHeaders =
  'X-Correlation-Id, ETag, Location, Retry-After, RateLimit, RateLimit-Policy, Idempotency-Replayed'

/** Lets pages of the listed origins call the API (Fetch standard, CORS protocol), without credentials. */
export default fp(
  async (app) => {
    const isListed = originList(app.config.CORS_ORIGINS)

    app.addHook('onRequest', (request, reply, done) => {
      const { origin } = request.headers
      const listed = origin !== undefined && isListed(origin)
      reply.header('vary', 'Origin')
      if (listed) reply.header('access-control-allow-origin', origin)

      if (request.method === 'OPTIONS' && origin && request.headers['access-control-request-method']) {
        if (listed) reply.headers(preflightHeaders)
        reply.code(204).send()
        return
      }
      if (listed) reply.header('access-control-expose-headers', exposedHeaders)
      done()
    })
  },
  { name: 'cors', dependencies: ['logging', 'security-headers'] },
)

/** A test for membership: `*` admits every origin, `http://localhost:*` each port of it and none. */
function originList(patterns: readonly string[]): (origin: string) => boolean {
  if (patterns.includes('*')) return () => true
  const exact = new Set(patterns.filter((pattern) => !pattern.endsWith(':*')))
  const anyPort = new Set(patterns.filter((pattern) => pattern.endsWith(':*')).map((pattern) => pattern.slice(0, -2)))
  return (origin) => exact.has(origin) || anyPort.has(origin.replace(/:\d{1,5}$/, ''))
}
