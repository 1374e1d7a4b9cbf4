import { setTimeout as sleep } from 'node:timers/promises'
import fp from 'fastify-plugin'
import { newId } from '#src/ids'

/** A store that the service talks to. */
interface Dependency {
  name: 'postgres' | 'redis' | 'mongodb'
  /** As the log calls it. */
  label: string
  /** Whether the service is of no use without it. */
  required: boolean
  /** Resolves when the store has answered. It is given up, not stopped, after 500 ms. */
  ping(): Promise<unknown>
}

/** What is known of a dependency. */
interface DependencyState {
  required: boolean
  healthy: boolean
  latencyMs?: number
  error?: string
}

declare module 'fastify' {
  interface FastifyInstance {
    dependencies: {
      /** Watches a store from the start of the service until it stops. */
      add(dependency: Dependency): void
      /** The state of each watched store, pinged within the last second. */
      check(): Promise<Map<Dependency['name'], DependencyState>>
      /** The state of each watched store as last seen. */
      readonly states: ReadonlyMap<Dependency['name'], DependencyState>
    }
  }
}

const PING_TIMEOUT_MS = 500
const FRESH_MS = 1000
const WATCH_MS = 1000

/** Watches the stores: connects with backoff, notices failure and recovery, and answers for their health. */
export default fp(
  async (app) => {
    const watched = new Map<Dependency['name'], ReturnType<typeof watch>>()
    const states = new Map<Dependency['name'], DependencyState>()

    app.decorate('dependencies', {
      states,
      add(dependency) {
        const watcher = watch(dependency)
        watched.set(dependency.name, watcher)
        // Not before everything is loaded: a process that is busy starting sees no answer in time.
        app.addHook('onReady', async () => app.backgroundTasks.run(`watch ${dependency.name}`, newId(), watcher.run))
      },
      async check() {
        await Promise.all([...watched.values()].map((watcher) => watcher.check()))
        return states
      },
    })

    function watch({ name, label, required, ping }: Dependency) {
      const log = app.log.child({ dependency: name })
      let connectedOnce = false
      let checking: Promise<boolean> | null = null
      let checkedAt = Number.NEGATIVE_INFINITY
      states.set(name, { required, healthy: false, error: 'not connected' })

      const seen = (next: DependencyState, err?: unknown) => {
        const before = states.get(name)
        states.set(name, next)
        if (next.healthy && !before?.healthy) {
          log.info(connectedOnce ? `${label} recovered` : `${label} connected`)
          connectedOnce = true
        } else if (!next.healthy && (before?.healthy || (!connectedOnce && before?.error === 'not connected'))) {
          log.error({ err }, `${label} health check failed`)
        }
      }

      const pingOnce = async (): Promise<boolean> => {
        const startedAt = performance.now()
        try {
          await withTimeout(ping(), PING_TIMEOUT_MS)
          seen({ required, healthy: true, latencyMs: Math.round((performance.now() - startedAt) * 100) / 100 })
          return true
        } catch (error) {
          seen({ required, healthy: false, error: failureClass(error) }, error)
          return false
        } finally {
          checkedAt = performance.now()
        }
      }

      const check = (freshMs = FRESH_MS): Promise<boolean> => {
        if (checking) return checking
        if (performance.now() - checkedAt < freshMs) return Promise.resolve(states.get(name)?.healthy ?? false)
        checking = pingOnce().finally(() => {
          checking = null
        })
        return checking
      }

      const run = async (signal: AbortSignal) => {
        let attempt = 0
        let backoff = app.backoff(connectedOnce)
        while (!signal.aborted) {
          if (await check(0)) {
            attempt = 0
            backoff = app.backoff(true)
            await pause(WATCH_MS, signal)
            continue
          }
          attempt += 1
          const waitMs = backoff.next()
          log.info({ attempt, waitMs }, `${label} retry`)
          await pause(waitMs, signal)
        }
      }
      return { check, run }
    }
  },
  { name: 'dependencies', dependencies: ['backoff', 'background-tasks'] },
)

async function withTimeout<T>(work: Promise<T>, timeoutMs: number): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>()
  const late = new DOMException('no answer in time', 'TimeoutError')
  // An answer that came while this process was busy is read first.
  const timer = setTimeout(() => setImmediate(reject, late), timeoutMs)
  // The ping may still fail after it was given up.
  work.catch(() => {})
  return Promise.race([work, promise]).finally(() => clearTimeout(timer))
}

/** Sleeps; wakes without an error when the service stops. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal, ref: false }).catch(() => {})
}

/** What went wrong, in words that name no host, user or statement. */
function failureClass(error: unknown): string {
  const text = error instanceof Error ? `${error.name} ${'code' in error ? error.code : ''} ${error.message}` : ''
  if (/ECONNREFUSED/.test(text)) return 'connection refused'
  if (/timeout|ETIMEDOUT|timed out/i.test(text)) return 'timeout'
  if (/ENOTFOUND|EAI_AGAIN/.test(text)) return 'name not resolved'
  if (/28P01|28000|WRONGPASS|NOAUTH|authentication/i.test(text)) return 'authentication failed'
  if (/ECONNRESET|EPIPE|terminated|closed|writeable|57P0/i.test(text)) return 'connection lost'
  return 'error'
}
