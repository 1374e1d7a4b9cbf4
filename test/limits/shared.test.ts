import assert from 'node:assert/strict'
import { suite, type TestContext, test } from 'node:test'
import type { FastifyInstance, LightMyRequestResponse } from 'fastify'
import { Redis } from 'ioredis'
import { newEmail, password, register, signUp, startApp, until } from '#test/app'
import { assertEnvelope } from '#test/envelope'
import { startRedis } from '#test/redis'

const me = '/api/v1/users/me'

/** Two instances of the service on one database and one Redis; `null` where there is no Redis. */
async function startTwo(t: TestContext, environment: Record<string, string>) {
  const redis = await startRedis(t)
  if (redis === null) return null
  const { app: a, url } = await startApp(t, { ...environment, REDIS_URL: redis.url })
  const { app: b } = await startApp(t, { ...environment, REDIS_URL: redis.url, POSTGRES_URL: url })
  const connected = async () =>
    [a, b].every(({ dependencies }) => dependencies.states.get('redis')?.healthy) &&
    [a, b].every((app) => app.redis.status === 'ready')
  await until(connected, 'both have connected to Redis')
  return { a, b, redis, connected }
}

const wrongLogin = (app: FastifyInstance, email: string, secret = 'a wrong password it is') =>
  app.inject({ method: 'POST', url: '/api/v1/auth/login', payload: { email, password: secret } })

type Request = (app: FastifyInstance) => Promise<LightMyRequestResponse>

/** Sends a request many times, some at once, to the instances in turn; returns the statuses. */
async function spend(apps: FastifyInstance[], times: number, request: Request): Promise<number[]> {
  const statuses: number[] = []
  while (statuses.length < times) {
    const answers = await Promise.all(Array.from({ length: 5 }, () => apps.map(request)).flat())
    statuses.push(...answers.map(({ statusCode }) => statusCode))
  }
  return statuses
}

/** Checks that a budget of `max` is spent everywhere, but for the 5 % that instances may be behind one another. */
async function assertSpent(apps: FastifyInstance[], max: number, request: Request): Promise<void> {
  let passed = 0
  for (const app of apps) {
    while ((await request(app)).statusCode !== 429) {
      passed += 1
      assert.ok(passed <= max * 0.05, 'the budget is exceeded by more than 5 %')
    }
  }
  for (const app of apps) assertEnvelope(await request(app), 'RateLimitExceededError')
}

suite('instances that share Redis', () => {
  test('let five of fifty parallel logins for one e-mail past the limiter', async (t) => {
    const two = await startTwo(t, { RATE_LIMIT_LOGIN: '5/60' })
    if (two === null) return
    const { a, b } = two
    const { email } = await register(a)
    for (const address of [email, newEmail()]) {
      const answers = await Promise.all(Array.from({ length: 50 }, (_, n) => wrongLogin(n % 2 ? a : b, address)))
      const statuses = answers.map(({ statusCode }) => statusCode)
      assert.equal(statuses.filter((status) => status === 401).length, 5)
      assert.equal(statuses.filter((status) => status === 429).length, 45)
    }
  })

  test('count a user once, and leave the other one behind the address alone', async (t) => {
    const two = await startTwo(t, { RATE_LIMIT_DEFAULT: '300/60' })
    if (two === null) return
    const { a, b } = two
    const [first, second] = [await signUp(a), await signUp(a)]
    const read = (token: string, remoteAddress: string) => (app: FastifyInstance) =>
      app.inject({ url: me, headers: { authorization: `Bearer ${token}` }, remoteAddress })
    const spent = await spend([a, b], 300, read(first.accessToken, '192.0.2.1'))
    assert.ok(spent.every((status) => status === 200))
    await assertSpent([a, b], 300, read(first.accessToken, '192.0.2.1'))
    for (const app of [a, b]) {
      assertEnvelope(await read(first.accessToken, '198.51.100.1')(app), 'RateLimitExceededError')
    }
    const others = await spend([a, b], 300, read(second.accessToken, '192.0.2.1'))
    assert.ok(others.every((status) => status === 200))
  })

  test('count bad tokens of an address once, and leave good ones alone', async (t) => {
    const two = await startTwo(t, { RATE_LIMIT_DEFAULT: '300/60' })
    if (two === null) return
    const { a, b } = two
    const { accessToken } = await signUp(a)
    const read = (token: string) => (app: FastifyInstance) =>
      app.inject({ url: me, headers: { authorization: `Bearer ${token}` } })
    const guesses = await spend([a, b], 300, read('a.bad.token'))
    assert.ok(guesses.every((status) => status === 401))
    await assertSpent([a, b], 300, read('a.bad.token'))
    assert.equal((await read(accessToken)(b)).statusCode, 200)
  })

  test('keep no e-mail address in Redis, and nothing for longer than its window', async (t) => {
    const two = await startTwo(t, { RATE_LIMIT_DEFAULT: '50/60' })
    if (two === null) return
    const { email, refreshToken } = await signUp(two.a)
    await two.b.inject({ method: 'POST', url: '/api/v1/auth/refresh', payload: { refreshToken } })
    await two.b.inject({ url: '/nowhere' })
    const redis = new Redis(two.redis.url)
    t.after(() => redis.disconnect())
    const keys = await redis.keys('*')
    assert.deepEqual(
      keys.map((key) => key.split(':').slice(0, 3).join(':')).sort(),
      ['default', 'login', 'login-address', 'refresh', 'register'].map((policy) => `gatehouse:limit:${policy}`),
    )
    const local = email.slice(0, email.indexOf('@'))
    assert.ok(keys.every((key) => !key.includes(local) && !key.includes('@') && !key.includes(refreshToken)))
    for (const key of keys) {
      const ttl = await redis.pttl(key)
      assert.ok(ttl > 0 && ttl <= 60_000, key)
    }
  })

  test('give a counter without an end one, so that it locks nobody out for ever', async (t) => {
    const two = await startTwo(t, { RATE_LIMIT_DEFAULT: '3/60' })
    if (two === null) return
    const redis = new Redis(two.redis.url)
    t.after(() => redis.disconnect())
    await redis.set('gatehouse:limit:default:address:127.0.0.1', '1000')
    assert.equal((await two.a.inject({ url: '/nowhere' })).headers['retry-after'], '60')
    assert.ok((await redis.pttl('gatehouse:limit:default:address:127.0.0.1')) > 0)
  })
})

suite('without Redis', () => {
  test('each instance goes on from its own count, and shares again when Redis is back', async (t) => {
    const two = await startTwo(t, { RATE_LIMIT_LOGIN: '5/60' })
    if (two === null) return
    const { a, b, redis } = two
    const email = newEmail()
    for (let n = 0; n < 3; n++) assert.equal((await wrongLogin(a, email)).statusCode, 401)
    await redis.kill()
    const later = [
      await wrongLogin(a, email),
      await wrongLogin(a, email),
      await wrongLogin(a, email),
      await wrongLogin(a, email),
    ]
    assert.deepEqual(
      later.map(({ statusCode }) => statusCode),
      [401, 401, 429, 429],
    )
    const elsewhere = await Promise.all(Array.from({ length: 20 }, () => wrongLogin(b, email)))
    assert.equal(elsewhere.filter(({ statusCode }) => statusCode === 401).length, 5, 'at worst once per instance')
    assert.equal(elsewhere.filter(({ statusCode }) => statusCode === 429).length, 15)

    await redis.restart()
    await until(two.connected, 'both have connected again')
    await new Promise((resolve) => setTimeout(resolve, 1000))
    // Each finds out by a request, while all others go on without Redis.
    for (const app of [a, b]) await wrongLogin(app, newEmail())
    const other = newEmail()
    const shared = await Promise.all(Array.from({ length: 20 }, (_, n) => wrongLogin(n % 2 ? a : b, other)))
    assert.equal(shared.filter(({ statusCode }) => statusCode === 401).length, 5)
    assert.equal((await wrongLogin(a, email)).statusCode, 429, 'an empty Redis is no new budget')
  })

  test('an instance that has never seen Redis limits all the same', async (t) => {
    const { app } = await startApp(t, { REDIS_URL: 'redis://127.0.0.1:9/0', RATE_LIMIT_LOGIN: '5/60' })
    const email = newEmail()
    const answers = await Promise.all(Array.from({ length: 20 }, () => wrongLogin(app, email, password)))
    assert.equal(answers.filter(({ statusCode }) => statusCode === 401).length, 5)
    for (const answer of answers.filter(({ statusCode }) => statusCode !== 401)) {
      assertEnvelope(answer, 'RateLimitExceededError')
    }
  })
})
