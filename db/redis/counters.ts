import type { Redis } from 'ioredis'
import type { Counters } from '#src/rate-limits'

// One key, so that a cluster knows where to run it. A key without an end is new; or it was set by hand, and would lock
// somebody out for ever.
const script = `
local count = redis.call('INCRBY', KEYS[1], ARGV[2])
local ttl = redis.call('PTTL', KEYS[1])
if ttl < 0 then
  redis.call('PEXPIRE', KEYS[1], ARGV[1])
  ttl = tonumber(ARGV[1])
end
return {count, ttl}`

const PREFIX = 'gatehouse:limit:'

interface CountingRedis extends Redis {
  countInWindow(key: string, windowMs: number, by: number): Promise<[count: number, ttlMs: number]>
}

/** Counters in Redis, shared by all instances. */
export function createRedisCounters(redis: Redis) {
  redis.defineCommand('countInWindow', { numberOfKeys: 1, lua: script })
  const client = redis as CountingRedis
  return {
    async increment(key, windowMs, by = 1) {
      sendTogether(client)
      const [current, ttlMs] = await client.countInWindow(PREFIX + key, windowMs, by)
      return { current, ttlMs }
    },
  } satisfies Counters
}

/**
 * Holds commands back until the end of this turn of the event loop, so that all of it go out in one packet. One by one,
 * each would wake Redis and be answered, and wake this process, for itself. Each command still has its own answer.
 */
function sendTogether({ stream }: { stream?: Redis['stream'] }): void {
  // There is none before the first connection.
  if (stream === undefined || stream.writableCorked > 0) return
  stream.cork()
  setImmediate(() => stream.uncork())
}
