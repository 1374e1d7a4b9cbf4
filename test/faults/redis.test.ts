import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { until } from '#test/app'
import { call, login, me, type Reply, refresh, signUp } from '#test/calls'
import { startLoad } from '#test/load'
import { createDatabase } from '#test/postgres'
import { startRedis } from '#test/redis'
import { type Service, startService } from '#test/service'

/** What Redis, when it hangs, may cost a request at most. */
const LIMIT_MS = 300
const RECOVERY_MS = 2000
/** From here on a request is taken to have waited for Redis. */
const SLOW_MS = 150

test('limits hold, sign-outs count and nobody waits while Redis hangs or is gone', async (t) => {
  const redis = await startRedis(t)
  if (!redis) return
  const stores = { POSTGRES_URL: (await createDatabase(t)).url, REDIS_URL: redis.url }
  const [a, b] = await Promise.all([
    startService(t, { ...stores, RATE_LIMIT_LOGIN: '5/60' }),
    startService(t, { ...stores, RATE_LIMIT_LOGIN: '5/60' }),
  ])
  await Promise.all([a.ready(), b.ready()])

  await t.test('up', () => signOut(a, b))
  await t.test('hung', () =>
    breakUnderLoad(a, b, {
      begin: () => redis.signal('SIGSTOP'),
      end: async () => redis.signal('SIGCONT'),
    }),
  )
  await t.test('killed', () => breakUnderLoad(a, b, { begin: () => void redis.kill(), end: () => redis.restart() }))
})

/** A session that ends on one instance has ended on the other. */
async function signOut(a: Service, b: Service): Promise<void> {
  const { accessToken } = await signUp(a.url)
  assert.equal((await me(b.url, accessToken)).status, 200)
  assert.equal((await call(a.url, '/api/v1/auth/logout', { method: 'POST', token: accessToken })).status, 204)
  const refused = await me(b.url, accessToken)
  assert.deepEqual([refused.status, refused.body.name], [401, 'InvalidTokenError'])
}

async function breakUnderLoad(a: Service, b: Service, fault: { begin(): void; end(): Promise<void> }): Promise<void> {
  const { email, accessToken } = await signUp(a.url)
  for (let n = 0; n < 2; n++) assert.equal((await login(a.url, email)).status, 200)
  // Under the policies that ask Redis each time, and cheap for everything else.
  const load = startLoad(8, 20, (caller) =>
    caller === 0 ? me(a.url, accessToken) : refresh(a.url, 'no token, charged to the address'),
  )
  await sleep(500)
  const begunAt = performance.now()
  fault.begin()
  await until(async () => (await health(a)) === 'unhealthy', 'the fault is seen', RECOVERY_MS)
  await sleep(1500)

  const attempts = await Promise.all(Array.from({ length: 4 }, () => login(a.url, email)))
  assert.deepEqual(attempts.map(({ status }) => status).toSorted(), [200, 200, 429, 429], 'three were used up before')
  await signOut(a, b)

  await fault.end()
  const endedAt = performance.now()
  await until(async () => (await health(a)) === 'healthy' && (await sharing(a, b)), 'it has recovered', RECOVERY_MS)
  const replies = await load.stop()

  assert.ok(replies.length > 200)
  assert.deepEqual(
    replies.filter(({ status }) => status !== 200 && status !== 401),
    [],
  )
  const during = replies.filter(({ startedAt }) => startedAt > begunAt + LIMIT_MS && startedAt < endedAt)
  const slow = during.filter(({ ms }) => ms > SLOW_MS)
  const seconds = (endedAt - begunAt) / 1000
  assert.ok(slow.length <= seconds, `${slow.length} requests waited for Redis in ${seconds} s`)
  const slowest = Math.max(...replies.map(({ ms }: Reply) => ms))
  assert.ok(slowest < LIMIT_MS, `a request took ${slowest} ms`)
}

async function health({ url }: Service): Promise<string | undefined> {
  const { status, body } = await call(url, '/health')
  assert.equal(status, 200)
  return (body.services as Record<string, string>).redis
}

/** Whether what one instance counts, the other one sees. */
async function sharing(a: Service, b: Service): Promise<boolean> {
  const { email } = await signUp(a.url)
  const { headers } = await login(b.url, email)
  return /"login";r=3;/.test(headers.get('ratelimit') ?? '')
}
