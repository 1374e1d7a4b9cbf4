import type { FastifyReply, FastifyRequest, RouteOptions } from 'fastify'
import fp from 'fastify-plugin'
import findMyWay, { type HTTPMethod } from 'find-my-way'
import { AppError } from '#src/errors'
import { requestPath } from '#src/request-path'

/**
 * Tells a path that does not exist (404) from one that does not know the method (405, with what it knows in `Allow`).
 * Fastify answers 404 to both. Sees the routes that are registered after it.
 */
export default fp(
  async (app) => {
    const routes = findMyWay()
    const methods = new Set<HTTPMethod>()

    app.addHook('onRoute', ({ method, url }: RouteOptions) => {
      for (const each of [method].flat() as HTTPMethod[]) {
        methods.add(each)
        if (!routes.hasRoute(each, url)) routes.on(each, url, () => {})
      }
    })

    function refusal(request: FastifyRequest, reply: FastifyReply): AppError {
      const path = requestPath(request.raw.url ?? '')
      const allowed = [...methods].filter((method) => routes.find(method, path) !== null)
      if (allowed.length === 0 || allowed.includes(request.method as HTTPMethod)) {
        return new AppError('NotFoundError', 'Not found')
      }
      reply.header('allow', allowed.sort().join(', '))
      return new AppError('MethodNotAllowedError', 'Method not allowed')
    }

    // Before the body is read: what it holds does not matter here, and a parse error would hide the 404.
    app.addHook('preParsing', (request, reply, _payload, done) => {
      done(request.is404 ? refusal(request, reply) : undefined)
    })
    // For a plugin that finds out later and calls `reply.callNotFound()`.
    app.setNotFoundHandler((request, reply) => reply.send(refusal(request, reply)))
  },
  { name: 'not-found', dependencies: ['errors'] },
)
