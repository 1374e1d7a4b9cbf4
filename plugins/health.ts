import fp from 'fastify-plugin'
import type { Health, Readiness } from '#src/schemas'
import { version } from '#src/version'

declare module 'fastify' {
  interface FastifyInstance {
    health: {
      /** Everything, for people and dashboards. */
      report(): Promise<Health>
      /** Whether requests should be sent here, and why not. */
      readiness(): Promise<Readiness>
    }
  }
}

const stores = ['postgres', 'redis', 'mongodb'] as const
const required = { postgres: true, redis: false, mongodb: false }

/** What the service knows of its own health. */
export default fp(
  async (app) => {
    app.decorate('health', {
      async report() {
        const states = await app.dependencies.check()
        const services = { postgres: 'disabled', redis: 'disabled', mongodb: 'disabled' } as Health['services']
        const checks = {} as Health['checks']
        for (const name of stores) {
          const { healthy, ...check } = states.get(name) ?? { healthy: undefined, required: required[name] }
          if (healthy !== undefined) services[name] = healthy ? 'healthy' : 'unhealthy'
          checks[name] = check
        }
        const ill = stores.filter((name) => services[name] === 'unhealthy')
        const status =
          app.lifecycle.draining || ill.some((name) => required[name])
            ? 'unhealthy'
            : ill.length > 0
              ? 'degraded'
              : 'healthy'
        return {
          status,
          version,
          uptimeSeconds: Math.floor(process.uptime()),
          timestamp: new Date().toISOString(),
          services,
          checks,
        }
      },

      async readiness() {
        const reasons: Readiness['reasons'] = []
        const states = await app.dependencies.check()
        if (app.lifecycle.draining) reasons.push('draining')
        if ([...states.values()].some((state) => state.required && !state.healthy)) reasons.push('store_down')
        else if (app.schema.state === 'unknown') reasons.push('starting')
        else if (app.schema.state === 'pending') reasons.push('migrations_pending')
        else if (app.schema.state === 'newer') reasons.push('database_newer')
        return { status: reasons.length === 0 ? 'ready' : 'unready', reasons }
      },
    })
  },
  { name: 'health', dependencies: ['dependencies', 'lifecycle', 'migrations'] },
)
