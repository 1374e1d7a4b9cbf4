import { timingSafeEqual } from 'node:crypto'
import client from '@prometheus-io/client'
import type { FastifyRequest } from 'fastify'
import fastifyMetrics from 'fastify-metrics'
import fp from 'fastify-plugin'
import { invalidToken } from '#src/auth'
import { type BusinessMetrics, loginReasons, refreshReasons, registrationReasons } from '#src/business-metrics'
import { AppError } from '#src/errors'
import { type OverloadReason, overloadReasons } from '#src/overload'
import { type PolicyName, policyNames } from '#src/rate-limits'
import { metricsRouteSchema } from '#src/schemas'
import { version } from '#src/version'

declare module 'fastify' {
  interface FastifyInstance {
    /** What the service measures of itself. */
    instruments: {
      registry: client.Registry
      business: BusinessMetrics
      rateLimitRejection(policy: PolicyName): void
      overloadRejection(reason: OverloadReason): void
      auditEventsRelayed(count: number): void
      /** Says how the outbox gauges are read at each scrape. */
      auditBacklog(read: () => Promise<{ pending: number; oldestSeconds: number }>): void
      /** Runs a hash and records how long it took. */
      timedPasswordHash<T>(work: () => Promise<T>): Promise<T>
      /** Says where the number of waiting hashes is read at each scrape. */
      passwordHashQueueDepth(read: () => number): void
    }
  }
}

// Between a cached read and the limit of a handler; seconds.
const requestBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
const hashBuckets = [0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5, 1]

/** What Prometheus scrapes. Each app has its own registry, so that several can live in one process. */
export default fp(
  async (app) => {
    const registry = new client.Registry()
    const registers = [registry]
    const { METRICS_TOKEN: token, NODE_ENV } = app.config
    const served = token !== undefined || NODE_ENV !== 'production'

    await app.register(fastifyMetrics.default, {
      promClient: { ...client, register: registry } as typeof client,
      defaultMetrics: { enabled: true, register: registry },
      routeMetrics: {
        enabled: { histogram: true, summary: false },
        registeredRoutesOnly: false,
        invalidRouteGroup: 'unknown',
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

    async function guard({ headers }: FastifyRequest) {
      if (token === undefined) return
      if (headers.authorization === undefined) {
        throw new AppError('AuthenticationRequiredError', 'The metrics token is required')
      }
      const given = Buffer.from(headers.authorization)
      const expected = Buffer.from(`Bearer ${token}`)
      if (given.length !== expected.length || !timingSafeEqual(given, expected)) throw invalidToken()
    }

    const outcomes = <Reason extends string>(name: string, help: string, reasons: readonly Reason[]) => {
      const counter = new client.Counter({ name, help, labelNames: ['status', 'reason'], registers })
      const labels = (reason: Reason) => ({ status: reason === 'none' ? 'success' : 'failure', reason })
      for (const reason of reasons) counter.inc(labels(reason), 0)
      return (reason: Reason) => counter.inc(labels(reason))
    }

    const hashSeconds = new client.Histogram({
      name: 'password_hash_seconds',
      help: 'Duration of one password hash or check in seconds, without the wait for it',
      buckets: hashBuckets,
      registers,
    })

    const rejections = new client.Counter({
      name: 'rate_limit_rejections_total',
      help: 'Total requests refused by a rate limit',
      labelNames: ['policy'],
      registers,
    })
    for (const policy of policyNames) rejections.inc({ policy }, 0)
    const sheds = new client.Counter({
      name: 'overload_rejections_total',
      help: 'Total requests refused because the service is overloaded',
      labelNames: ['reason'],
      registers,
    })
    for (const reason of overloadReasons) sheds.inc({ reason }, 0)
    const relayed = new client.Counter({
      name: 'audit_events_relayed_total',
      help: 'Total audit events carried to the trail',
      registers,
    })
    let backlogReader: (() => Promise<{ pending: number; oldestSeconds: number }>) | undefined
    const oldest = new client.Gauge({
      name: 'audit_outbox_oldest_seconds',
      help: 'How long the oldest audit event has been waiting for the relay',
      registers,
    })
    new client.Gauge({
      name: 'audit_outbox_pending',
      help: 'Audit events that wait for the relay',
      registers,
      async collect() {
        // Without an answer in time, the last values stay: a scrape has more to say than these two.
        const backlog = await backlogReader?.().catch(() => undefined)
        if (backlog === undefined) return
        this.set(backlog.pending)
        oldest.set(backlog.oldestSeconds)
      },
    })

    app.decorate('instruments', {
      registry,
      business: {
        registration: outcomes('user_registrations_total', 'Total user registrations', registrationReasons),
        login: outcomes('login_attempts_total', 'Total login attempts', loginReasons),
        tokenRefresh: outcomes('token_refreshes_total', 'Total token refreshes', refreshReasons),
      },
      rateLimitRejection: (policy) => rejections.inc({ policy }),
      overloadRejection: (reason) => sheds.inc({ reason }),
      auditEventsRelayed: (count) => relayed.inc(count),
      auditBacklog(read) {
        backlogReader = read
      },
      timedPasswordHash(work) {
        const stop = hashSeconds.startTimer()
        return work().finally(stop)
      },
      passwordHashQueueDepth(read) {
        new client.Gauge({
          name: 'password_hash_queue_depth',
          help: 'Password hashes that wait for a free slot',
          registers,
          collect() {
            this.set(read())
          },
        })
      },
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
  { name: 'metrics', dependencies: ['dependencies'] },
)
