import type { FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { AppError } from '#src/errors'
import { requestPath } from '#src/request-path'
import type { ApiVersion } from '#src/schemas'
import { createVersions, lifecycles, versionOf } from '#src/versions'

declare module 'fastify' {
  interface FastifyInstance {
    versions: {
      /** The versions that are served, or were, in their order. */
      list(): ApiVersion[]
    }
  }
}

/** A version of the API is a folder under `routes/api`. What happens when its end is known follows from its lifecycle. */
export default fp(
  async (app) => {
    const versions = createVersions(lifecycles)
    const names = new Set(Object.keys(lifecycles))
    app.decorate('versions', {
      list: () => [...names].sort((a, b) => Number(a.slice(1)) - Number(b.slice(1))).map(versions.describe),
    })

    app.addHook('onRoute', (route) => {
      const name = versionOf(route.url)
      if (name === undefined) return
      names.add(name)
      const lifecycle = lifecycles[name]
      if (lifecycle === undefined) return
      const errors = [...(route.schema?.errors ?? []), ...(lifecycle.sunsetOn ? (['GoneError'] as const) : [])]
      route.schema = { ...route.schema, deprecated: true, errors }
    })

    app.addHook('onReady', async () => {
      for (const { name, successor } of app.versions.list()) {
        if (successor && !names.has(successor))
          throw new TypeError(`${successor}, the successor of ${name}, is not there`)
      }
    })

    if (names.size === 0) return
    app.addHook('onRequest', (request, _reply, done) => {
      const name = requestedVersion(request)
      const gone = name !== undefined && versions.statusOf(name) === 'gone'
      done(gone ? new AppError('GoneError', 'This version of the API is gone') : undefined)
    })
    // As late as this, because the answer may be a refusal from an earlier hook.
    app.addHook('onSend', (request, reply, payload, done) => {
      const name = requestedVersion(request)
      if (name !== undefined) reply.headers(versions.headersOf(name))
      done(null, payload)
    })
  },
  { name: 'versions', dependencies: ['errors'] },
)

// A path that no route has is judged by how it is written.
function requestedVersion({ routeOptions, raw }: FastifyRequest): string | undefined {
  return versionOf(routeOptions.url ?? requestPath(raw.url ?? ''))
}
