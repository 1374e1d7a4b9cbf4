import { getCompileCacheDir } from 'node:module'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { dictionary } from '@zxcvbn-ts/language-common'
import fp from 'fastify-plugin'
import { Piscina } from 'piscina'
import { createPasswords, hashQueueFull, hashThreadLost, type Passwords } from '#src/auth'
import { createBatches } from '#src/batches'
import { createGroups } from '#src/groups'
import type passwordThread from '#src/password-thread'
import type { PasswordJob } from '#src/password-thread'

declare module 'fastify' {
  interface FastifyInstance {
    passwords: Passwords
  }
  interface FastifyContextConfig {
    /** Whether the handler hashes or checks a password. While the queue for that is full, the route answers 503. */
    hashesPassword?: boolean
  }
}

const RETRY_AFTER_SECONDS = 2
// No password that the policy lets through otherwise is shorter.
const SHORTEST = 8
// Enough to share what they share, few enough for the event loop to be through with them in some milliseconds.
const GROUP = 16
// Handed over together, so that the event loop is woken less often.
const BATCH = 4
// The batch that it hashes, and the next.
const PER_THREAD = 2
// A thread takes 10 MB, and some 0.1 s to start.
const IDLE_MS = 10 * 60 * 1000

/** Password hashing, as much of it at a time as there are cores: more would only make everything else wait. */
export default fp(
  async (app) => {
    const { config, instruments } = app
    const concurrency = config.PASSWORD_HASH_CONCURRENCY
    const cacheDir = getCompileCacheDir()
    const threads = new Piscina({
      filename: fileURLToPath(import.meta.resolve('#src/password-thread')),
      ...{ minThreads: 0, maxThreads: concurrency, concurrentTasksPerWorker: PER_THREAD, idleTimeout: IDLE_MS },
      loadBalancer: (_task, started) => chooseThread(started, concurrency),
      // Without the cache each would load the compiler of TypeScript, which takes 15 MB.
      env: cacheDir === undefined ? {} : { NODE_COMPILE_CACHE: dirname(cacheDir) },
      // Else it takes all that is there at once, and answers only when all of that is done.
      atomics: 'disabled',
      recordTiming: false,
    })
    threads.on('error', (err) => app.log.error({ err }, 'A thread that hashes passwords has ended'))
    app.addHook('onClose', () => threads.destroy())
    const inBatches = createBatches({
      ...{ lanes: concurrency * PER_THREAD, size: BATCH },
      run: (jobs: readonly PasswordJob[]): Promise<ReturnType<typeof passwordThread>> =>
        threads.run(jobs).catch((error) => {
          throw hashThreadLost(error)
        }),
    })
    const onThread = async (job: PasswordJob) => {
      const { value, seconds } = await inBatches(job)
      instruments.passwordHash(seconds)
      if (value instanceof Error) throw value
      return value
    }

    let admitted = 0
    const waiting = () => Math.max(0, admitted - concurrency)
    instruments.passwordHashQueueDepth(waiting)
    const inGroups = createGroups(GROUP, waiting)

    const isFull = () => admitted >= concurrency + config.PASSWORD_HASH_QUEUE
    // Made once: whoever is refused is refused alike, and the stack of each would be a twentieth of what that costs.
    const refusal = hashQueueFull(RETRY_AFTER_SECONDS)
    const queueFull = () => {
      instruments.overloadRejection('password_hash_queue')
      return refusal
    }
    // Before anything is read, counted or looked up for what would be refused in the end.
    app.addHook('onRequest', (request, _reply, done) => {
      done(isFull() && request.routeOptions.config.hashesPassword ? queueFull() : undefined)
    })
    const bounded = async <T>(work: () => Promise<T>): Promise<T> => {
      if (isFull()) throw queueFull()
      admitted += 1
      try {
        return await work()
      } finally {
        admitted -= 1
        await inGroups()
      }
    }

    const common = new Set(dictionary['passwords-common'].filter((password) => password.length >= SHORTEST))
    app.decorate(
      'passwords',
      createPasswords({
        argon2: {
          hash: async (password, cost) => String(await onThread({ password, cost })),
          verify: async (encoded, password) => (await onThread({ password, encoded })) === true,
        },
        cost: {
          memoryKib: config.ARGON2_MEMORY_KIB,
          timeCost: config.ARGON2_TIME_COST,
          parallelism: config.ARGON2_PARALLELISM,
        },
        minLength: config.PASSWORD_MIN_LENGTH,
        isCommon: (password) => common.has(password.toLowerCase()),
        bounded,
        onMalformedHash: (err) => app.log.error({ err }, 'A stored password hash can not be read'),
      }),
    )
  },
  { name: 'passwords', dependencies: ['cors', 'errors', 'logging', 'metrics', 'security-headers'] },
)

/** The least busy one; none, so that another is started, where all are busy and there may be more. */
function chooseThread<Thread extends { currentUsage: number }>(started: readonly Thread[], max: number): Thread | null {
  const [first, ...others] = started
  if (first === undefined) return null
  const chosen = others.reduce((least, other) => (other.currentUsage < least.currentUsage ? other : least), first)
  const mayTake = started.length < max ? 1 : PER_THREAD
  return chosen.currentUsage < mayTake ? chosen : null
}
