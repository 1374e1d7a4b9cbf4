import assert from 'node:assert/strict'
import { test } from 'node:test'
import { until } from '#test/app'
import { call, login, me, metric, refresh, register, signUp } from '#test/calls'
import { createMongoDatabase } from '#test/mongo'
import { createDatabase } from '#test/postgres'
import { startProxy } from '#test/proxy'
import { startRedis } from '#test/redis'
import { type Service, startService } from '#test/service'

const stores = { postgres: 'PostgreSQL', redis: 'Redis', mongodb: 'MongoDB' } as const
type Store = keyof typeof stores

const lines = (service: Service, store: Store, msg: string) =>
  service.lines.filter((line) => line.dependency === store && line.msg === `${stores[store]} ${msg}`)

async function health(service: Service) {
  const { status, body, ms } = await call(service.url, '/health')
  const { services, checks } = body as {
    services: Record<Store, string>
    checks: Record<Store, { error?: string; required: boolean }>
  }
  return { status, state: body.status, services, checks, ms }
}

test('a service whose stores are all away starts, takes them as they come, and bears them slow', async (t) => {
  const redis = await startRedis(t)
  const mongo = await createMongoDatabase(t)
  if (!redis || !mongo) return
  const proxies = {
    postgres: await startProxy(t, (await createDatabase(t)).url),
    redis: await startProxy(t, redis.url),
    mongodb: await startProxy(t, mongo.url),
  }
  const names = Object.keys(stores) as Store[]
  await Promise.all(Object.values(proxies).map((proxy) => proxy.cut()))

  const service = await startService(t, {
    POSTGRES_URL: proxies.postgres.url,
    REDIS_URL: proxies.redis.url,
    MONGODB_URL: proxies.mongodb.url,
    RATE_LIMIT_LOGIN: '5/60',
    RETRY_MAX_MS: '1000',
  })
  const { url } = service

  await t.test('it listens at once, and says what is wrong', async () => {
    const time = (text: string) => {
      const line = service.lines.find(({ msg }) => msg?.startsWith(text))
      return new Date(String(line?.time)).getTime()
    }
    assert.ok(time('Server listening') - time('Application starting') < 2000)
    await until(() => names.every((name) => lines(service, name, 'retry').length > 2), 'it has tried thrice')
    const { status, state, services, checks, ms } = await health(service)
    assert.deepEqual([status, state], [503, 'unhealthy'])
    assert.deepEqual(services, { postgres: 'unhealthy', redis: 'unhealthy', mongodb: 'unhealthy' })
    for (const name of names) assert.match(String(checks[name].error), /^(connection refused|timeout)$/)
    assert.ok(ms < 1000, `the health check took ${ms} ms`)
    assert.equal((await call(url, '/health/live')).status, 200)
    assert.equal((await call(url, '/health/ready')).status, 503)
    const refused = await register(url)
    assert.deepEqual([refused.status, refused.body.name], [503, 'ServiceUnavailableError'])
    for (const name of names) {
      assert.equal(lines(service, name, 'health check failed').length, 1)
      const waits = lines(service, name, 'retry')
      assert.deepEqual(
        waits.slice(0, 3).map(({ attempt }) => attempt),
        [1, 2, 3],
      )
      for (const [n, { waitMs }] of waits.slice(0, 3).entries()) {
        const planned = 200 * 2 ** n
        assert.ok(Number(waitMs) >= planned * 0.75 && Number(waitMs) <= planned * 1.25, `wait ${n}: ${waitMs} ms`)
      }
    }
  })

  await t.test('it is degraded without the optional stores, and healthy with all', async () => {
    await proxies.postgres.restore()
    await service.ready()
    const { status, state } = await health(service)
    assert.deepEqual([status, state], [200, 'degraded'])
    assert.equal((await register(url)).status, 201)
    await until(async () => (await metric(url, 'audit_outbox_pending')) === 1, 'the event waits')

    await proxies.redis.restore()
    await proxies.mongodb.restore()
    await until(async () => (await health(service)).state === 'healthy', 'it is healthy')
    await until(async () => (await metric(url, 'audit_outbox_pending')) === 0, 'the event is delivered')
    // An answer may overtake the line that was logged before it.
    await until(() => names.every((name) => lines(service, name, 'connected').length > 0), 'the connections are logged')
    for (const name of names) assert.equal(lines(service, name, 'connected').length, 1)
  })

  await t.test('with 200 ms more in each answer of a store it works, only slower', async () => {
    const account = await signUp(url)
    for (const proxy of Object.values(proxies)) proxy.delayMs = 200
    const replies = await Promise.all([
      register(url),
      login(url, account.email),
      refresh(url, account.refreshToken),
      me(url, account.accessToken),
      call(url, '/api/v1/users/me/activity', { token: account.accessToken }),
    ])
    assert.deepEqual(
      replies.map(({ status }) => status),
      [201, 200, 200, 200, 200],
    )
    for (const { ms } of replies) assert.ok(ms < 4500, `a request took ${ms} ms`)
    assert.notEqual((await health(service)).services.postgres, 'unhealthy')
    const more = await Promise.all(Array.from({ length: 4 }, () => login(url, account.email)))
    assert.deepEqual(more.map(({ status }) => status).toSorted(), [200, 200, 200, 429])

    for (const proxy of Object.values(proxies)) proxy.delayMs = 0
    await until(async () => (await health(service)).state === 'healthy', 'it is healthy')
    await until(async () => (await metric(url, 'audit_outbox_pending')) === 0, 'all events are delivered')
  })

  await t.test('a connection that breaks is logged once, and so is its recovery', async () => {
    const failures = (name: Store) => lines(service, name, 'health check failed').length
    const recoveries = (name: Store) => lines(service, name, 'recovered').length
    const before = names.map((name) => [failures(name), recoveries(name)] as const)
    for (const proxy of Object.values(proxies)) await proxy.cut()
    await until(() => names.every((name, n) => failures(name) > (before[n]?.[0] ?? 0)), 'the failures are seen')
    for (const proxy of Object.values(proxies)) await proxy.restore()
    await until(async () => (await health(service)).state === 'healthy', 'it is healthy', 3000)
    // An answer may overtake the line that was logged before it.
    await until(() => names.every((name, n) => recoveries(name) > (before[n]?.[1] ?? 0)), 'the recoveries are seen')
    for (const [n, name] of names.entries()) {
      assert.deepEqual([failures(name), recoveries(name)], [(before[n]?.[0] ?? 0) + 1, (before[n]?.[1] ?? 0) + 1], name)
    }
    const errors = service.lines.filter(({ level }) => level === 50)
    assert.deepEqual(
      errors.filter(({ msg }) => !/ health check failed$|^Audit relay failed$/.test(msg ?? '')),
      [],
    )
  })
})
