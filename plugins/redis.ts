import { setTimeout as sleep } from 'node:timers/promises'
import fastifyRedis from '@fastify/redis'
import fp from 'fastify-plugin'
import type { Redis } from 'ioredis'
import { createRedis } from '#db/redis'

const QUIT_MS = 500

/** The connection to Redis, which the instances share their counters through. Without a URL there is none. */
export default fp(
  async (app) => {
    const url = app.config.REDIS_URL
    if (url === undefined) return
    const log = app.log.child({ dependency: 'redis' })
    let backoff = app.backoff(false)

    const client = createRedis(url, () => backoff.next())
    let trouble: Error | null = null
    client.on('error', (err) => {
      trouble = err
      log.debug({ err }, 'Redis connection failed')
    })
    client.on('ready', () => {
      trouble = null
      backoff = app.backoff(true)
    })

    app.addHook('onClose', async () => {
      // A server that hangs does not answer to QUIT either.
      await Promise.race([client.quit().catch(() => {}), sleep(QUIT_MS, undefined, { ref: false })])
      client.disconnect()
      log.info('Redis connection closed')
    })
    await app.register(fastifyRedis, { client: readyAtFirst(client) })
    const attempted = client.connect().catch(() => {})

    app.dependencies.add({
      name: 'redis',
      label: 'Redis',
      required: false,
      ping: async () => {
        await attempted
        // Of a command without a connection, the client only says that there is none.
        if (trouble && client.status !== 'ready') throw trouble
        return client.ping()
      },
    })
  },
  { name: 'redis', dependencies: ['dependencies'] },
)

/** `@fastify/redis` waits until its client is ready. A server that is away must not hold up the start, so it is told so. */
function readyAtFirst(client: Redis): Redis {
  let asked = false
  return new Proxy(client, {
    get(target, property) {
      if (property === 'status' && !asked) {
        asked = true
        return 'ready'
      }
      const value: unknown = Reflect.get(target, property, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}
