import assert from 'node:assert/strict'
import type { Writable } from 'node:stream'
import { test } from 'node:test'
import { Redis } from 'ioredis'
import { createRedisCounters } from '#db/redis'
import { startRedis } from '#test/redis'

test('what is counted in one turn goes to Redis in one write, and each call has its own answer', async (t) => {
  const server = await startRedis(t)
  if (server === null) return
  const redis = new Redis(server.url)
  t.after(() => redis.disconnect())
  const counters = createRedisCounters(redis)
  // Before there is a connection, too.
  assert.equal((await counters.increment('a', 10_000)).current, 1)

  const { bytesWritten } = redis.stream
  const alone = t.mock.method(redis.stream, '_write')
  const together = t.mock.method(redis.stream as Writable & { _writev: NonNullable<Writable['_writev']> }, '_writev')
  const answers = await Promise.all(Array.from({ length: 5 }, (_, n) => counters.increment('a', 10_000, n)))
  assert.deepEqual(
    answers.map(({ current }) => current),
    [1, 2, 4, 7, 11],
  )
  assert.deepEqual([alone.mock.callCount(), together.mock.callCount()], [0, 1])
  assert.ok(redis.stream.bytesWritten > bytesWritten)
  assert.equal((await counters.increment('a', 10_000)).current, 12)
})
