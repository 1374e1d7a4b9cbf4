import { hash, verify } from '@node-rs/argon2'
import { dictionary } from '@zxcvbn-ts/language-common'
import { bulkhead } from 'cockatiel'
import fp from 'fastify-plugin'
import { createPasswords, defaultHashConcurrency, hashQueueFull, type Passwords } from '#src/auth'
import { createGroups } from '#src/groups'
import { lowerPoolPriority } from '#src/thread-priority'

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
const GROUP = 8
// A tenth of what the event loop gets, where both want the same core (sched(7)).
const POOL_NICE = 10

/** Password hashing, as much of it at a time as there are cores: more would only make everything else wait. */
export default fp(
  async (app) => {
    const { config, instruments } = app
    const concurrency = config.PASSWORD_HASH_CONCURRENCY || defaultHashConcurrency(config.UV_THREADPOOL_SIZE)
    const slots = bulkhead(concurrency, config.PASSWORD_HASH_QUEUE)
    const waiting = () => config.PASSWORD_HASH_QUEUE - slots.queueSlots
    instruments.passwordHashQueueDepth(waiting)
    const inGroups = createGroups(GROUP, waiting)

    const isFull = () => slots.executionSlots + slots.queueSlots === 0
    const queueFull = () => {
      instruments.overloadRejection('password_hash_queue')
      return hashQueueFull(RETRY_AFTER_SECONDS)
    }
    // Before anything is read, counted or looked up for what would be refused in the end.
    app.addHook('onRequest', (request, _reply, done) => {
      done(isFull() && request.routeOptions.config.hashesPassword ? queueFull() : undefined)
    })
    const bounded = async <T>(work: () => Promise<T>): Promise<T> => {
      if (isFull()) throw queueFull()
      try {
        return await slots.execute(work)
      } finally {
        await inGroups()
      }
    }

    const common = new Set(dictionary['passwords-common'].filter((password) => password.length >= SHORTEST))
    app.decorate(
      'passwords',
      await createPasswords({
        argon2: {
          hash: (password, cost) =>
            instruments.timedPasswordHash(() =>
              // argon2id is the binding's default.
              hash(password, {
                memoryCost: cost.memoryKib,
                timeCost: cost.timeCost,
                parallelism: cost.parallelism,
              }),
            ),
          verify: (encoded, password) => instruments.timedPasswordHash(() => verify(encoded, password)),
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
    lowerPoolPriority(POOL_NICE)
  },
  { name: 'passwords', dependencies: ['cors', 'errors', 'logging', 'metrics', 'security-headers'] },
)
