import { setTimeout as sleep } from 'node:timers/promises'
import client from '@prometheus-io/client'
import fp from 'fastify-plugin'
import { type BusinessMetrics, loginReasons, refreshReasons, registrationReasons } from '#src/business-metrics'
import { type OverloadReason, overloadReasons } from '#src/overload'
import { type PolicyName, policyNames } from '#src/rate-limits'

/** What waits in the outbox. */
interface Backlog {
  pending: number
  oldestSeconds: number
}

declare module 'fastify' {
  interface FastifyInstance {
    /** What the service measures of its own work. */
    instruments: {
      registry: client.Registry
      business: BusinessMetrics
      rateLimitRejection(policy: PolicyName): void
      overloadRejection(reason: OverloadReason): void
      auditEventsRelayed(count: number): void
      /** Says how the outbox gauges are read at each scrape. */
      auditBacklog(read: () => Promise<Backlog>): void
      /** Records how long a hash took. */
      passwordHash(seconds: number): void
      /** Says where the number of waiting hashes is read at each scrape. */
      passwordHashQueueDepth(read: () => number): void
    }
  }
}

// Seconds.
const hashBuckets = [0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5, 1]

/** How long a scrape waits for the outbox: what a scraper waits in all is often no more than a second. */
const BACKLOG_MS = 500

/** Counters and gauges for those who do the work. Each app has a registry, so that several can live in one process. */
export default fp(
  async (app) => {
    const registry = new client.Registry()
    const registers = [registry]

    // Each label value is there from the start, at 0: the first increase is one that a query can see.
    const counter = <Value extends string>(name: string, help: string, label: string, values: readonly Value[]) => {
      const metric = new client.Counter({ name, help, labelNames: [label], registers })
      for (const value of values) metric.inc({ [label]: value }, 0)
      return (value: Value) => metric.inc({ [label]: value })
    }
    const outcomes = <Reason extends string>(name: string, help: string, reasons: readonly Reason[]) => {
      const metric = new client.Counter({ name, help, labelNames: ['status', 'reason'], registers })
      const labels = (reason: Reason) => ({ status: reason === 'none' ? 'success' : 'failure', reason })
      for (const reason of reasons) metric.inc(labels(reason), 0)
      return (reason: Reason) => metric.inc(labels(reason))
    }

    const relayed = new client.Counter({
      name: 'audit_events_relayed_total',
      help: 'Total audit events carried to the trail',
      registers,
    })
    const hashSeconds = new client.Histogram({
      name: 'password_hash_seconds',
      help: 'Duration of one password hash or check in seconds, without the wait for it',
      buckets: hashBuckets,
      registers,
    })

    app.decorate('instruments', {
      registry,
      business: {
        registration: outcomes('user_registrations_total', 'Total user registrations', registrationReasons),
        login: outcomes('login_attempts_total', 'Total login attempts', loginReasons),
        tokenRefresh: outcomes('token_refreshes_total', 'Total token refreshes', refreshReasons),
      },
      rateLimitRejection: counter(
        'rate_limit_rejections_total',
        'Total requests refused by a rate limit',
        'policy',
        policyNames,
      ),
      overloadRejection: counter(
        'overload_rejections_total',
        'Total requests refused because the service is overloaded',
        'reason',
        overloadReasons,
      ),
      auditEventsRelayed: (count) => relayed.inc(count),
      auditBacklog(read) {
        const backlog = sharedWithin(BACKLOG_MS, read)
        const gauge = (name: string, help: string, shownOf: (backlog: Backlog) => number) =>
          new client.Gauge({
            name,
            help,
            registers,
            async collect() {
              const latest = await backlog()
              // Without an answer in time the last value stays: a scrape has more to say than this.
              if (latest) this.set(shownOf(latest))
            },
          })
        gauge('audit_outbox_pending', 'Audit events that wait for the relay', ({ pending }) => pending)
        gauge(
          'audit_outbox_oldest_seconds',
          'How long the oldest audit event has been waiting for the relay',
          ({ oldestSeconds }) => oldestSeconds,
        )
      },
      passwordHash: (seconds) => hashSeconds.observe(seconds),
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
  },
  { name: 'instruments' },
)

/** One read at a time for all who ask meanwhile, also while it hangs; `undefined` for who had to wait too long. */
function sharedWithin<T>(timeoutMs: number, read: () => Promise<T>): () => Promise<T | undefined> {
  let reading: Promise<T | undefined> | undefined
  return () => {
    reading ??= read()
      .catch(() => undefined)
      .finally(() => {
        reading = undefined
      })
    return Promise.race([reading, sleep(timeoutMs, undefined, { ref: false })])
  }
}
