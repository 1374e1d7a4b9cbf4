import { timingSafeEqual } from 'node:crypto'
import client from '@prometheus-io/client'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import fastifyMetrics from 'fastify-metrics'
import fp from 'fastify-plugin'
import { invalidToken } from '#src/auth'
import { AppError } from '#src/errors'
import { refusalReasons } from '#src/refusals'
import { RequestHistogram } from '#src/request-histogram'
import { clientClosedRequest, unknownRoute } from '#src/request-outcome'
import { metricsRouteSchema } from '#src/schemas'
import { version } from '#src/version'

// Between a cached read and the limit of a handler; seconds.
const requestBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

/** Defaults of the client whose names Prometheus' own linter refuses. */
const misnamed = [
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
  'nodejs_active_resources_total',
  'nodejs_eventloop_utilization_histogram',
  'nodejs_eventloop_utilization_summary',
]

/** What Prometheus scrapes: the instruments, the process, and every request once, wherever it ended. */
export default fp(
  async (app) => {
    const { registry } = app.instruments
    const registers = [registry]
    const { METRICS_TOKEN: token, NODE_ENV } = app.config
    const served = token !== undefined || NODE_ENV !== 'production'

    await app.register(fastifyMetrics.default, {
      promClient: { ...client, register: registry, Histogram: RequestHistogram } as unknown as typeof client,
      defaultMetrics: { enabled: true, register: registry },
      routeMetrics: {
        enabled: { histogram: true, summary: false },
        registeredRoutesOnly: false,
        invalidRouteGroup: unknownRoute,
        methodBlacklist: [],
        overrides: {
          histogram: { registers, buckets: requestBuckets, help: 'Duration of HTTP requests in seconds' },
          // The package makes a summary even where it is off; this one is seen by nobody.
          summary: { registers: [] },
        },
      },
      endpoint: served
        ? {
            method: 'GET',
            url: '/metrics',
            config: { limits: [] },
            schema: metricsRouteSchema,
            onRequest: guard,
            handler: () => {},
          }
        : null,
    })
    for (const name of misnamed) registry.removeSingleMetric(name)
    forgetTimers(app)

    async function guard({ headers }: FastifyRequest) {
      if (token === undefined) return
      if (headers.authorization === undefined) {
        throw new AppError('AuthenticationRequiredError', 'The metrics token is required')
      }
      const given = Buffer.from(headers.authorization)
      const expected = Buffer.from(`Bearer ${token}`)
      if (given.length !== expected.length || !timingSafeEqual(given, expected)) throw invalidToken()
    }

    // No hook tells of a request whose client hung up before its answer, so the package misses it.
    const durations = registry.getSingleMetric('http_request_duration_seconds') as unknown as RequestHistogram
    app.hangUps.on('hungUp', ({ method, routeOptions }, durationMs) => {
      durations.observe(
        { method, route: routeOptions.url ?? unknownRoute, status_code: clientClosedRequest },
        durationMs / 1000,
      )
    })

    const refused = new client.Counter({
      name: 'http_rejected_total',
      help: 'Total requests turned away before any route or hook saw them',
      labelNames: ['reason'],
      registers,
    })
    for (const reason of refusalReasons) refused.inc({ reason }, 0)
    app.addHook('onReady', async () => {
      app.refusals.on('refused', (reason) => refused.inc({ reason }))
    })

    new client.Gauge({ name: 'build_info', help: 'The running release', labelNames: ['version'], registers }).set(
      { version },
      1,
    )
    new client.Gauge({
      name: 'dependency_up',
      help: 'Whether the store answered its last ping',
      labelNames: ['dependency'],
      registers,
      collect() {
        for (const [dependency, { healthy }] of app.dependencies.states) this.set({ dependency }, healthy ? 1 : 0)
      },
    })
  },
  { name: 'metrics', dependencies: ['dependencies', 'docs', 'instruments', 'logging'] },
)

// The package leaves the timer of each request in a `WeakMap`: from there only a garbage collection takes it, which then
// has to look at every request since the last one.
function forgetTimers(app: FastifyInstance): void {
  const { metricStorage: timers } = app.metrics as unknown as { metricStorage?: WeakMap<FastifyRequest, object> }
  app.addHook('onResponse', (request, _reply, done) => {
    timers?.delete(request)
    done()
  })
}
