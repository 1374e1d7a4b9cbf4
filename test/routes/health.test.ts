import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { startApp, until } from '#test/app'
import { assertEnvelope } from '#test/envelope'

suite('health', () => {
  test('says what each store does, and one that is not configured is disabled', async (t) => {
    const { app } = await startApp(t)
    const answer = await app.inject({ url: '/health' })
    assert.equal(answer.statusCode, 200)
    const { version, uptimeSeconds, timestamp, checks, ...rest } = answer.json()
    assert.deepEqual(rest, {
      status: 'healthy',
      services: { postgres: 'healthy', redis: 'disabled', mongodb: 'disabled' },
    })
    assert.match(version, /^\d+\.\d+\.\d+$/)
    assert.ok(Number.isInteger(uptimeSeconds))
    assert.equal(new Date(timestamp).toISOString(), timestamp)
    assert.equal(typeof checks.postgres.latencyMs, 'number')
    assert.deepEqual(checks.redis, { required: false })
    assert.deepEqual(checks.mongodb, { required: false })
  })

  test('is degraded, and still 200, while an optional store is away, and names no host', async (t) => {
    const { app } = await startApp(t, { REDIS_URL: 'redis://nobody:secret@127.0.0.1:1/0' })
    await until(async () => (await app.inject({ url: '/health' })).json().status === 'degraded', 'Redis was looked at')
    const answer = await app.inject({ url: '/health' })
    assert.equal(answer.statusCode, 200)
    assert.deepEqual(answer.json().checks.redis, { required: false, error: 'connection refused' })
    assert.doesNotMatch(answer.body, /127\.0\.0\.1|nobody|secret/)
    assert.equal((await app.inject({ url: '/health/ready' })).statusCode, 200)
  })

  test('is shared by a flood of probes', async (t) => {
    const { app } = await startApp(t)
    let pings = 0
    const pool = app.pg.probe?.pool
    assert.ok(pool)
    const { query } = pool
    pool.query = ((...args: Parameters<typeof query>) => {
      pings += 1
      return query.apply(pool, args)
    }) as typeof query
    await Promise.all(Array.from({ length: 500 }, () => app.inject({ url: '/health' })))
    assert.ok(pings > 0 && pings <= 3, `${pings} pings`)
  })

  test('does not wait for background tasks', async (t) => {
    const { app } = await startApp(t)
    const { max } = app.backgroundPool.options
    const tasks = Promise.all(Array.from({ length: max }, () => app.backgroundPool.query('select pg_sleep(1.8)')))
    // The last ping is fresh for a second.
    await setTimeout(1200)
    assert.equal((await app.inject({ url: '/health' })).json().services.postgres, 'healthy')
    await tasks
  })

  test('is 503 with its own body from the moment of the drain, while the process lives', async (t) => {
    const { app } = await startApp(t)
    app.lifecycle.drain()
    const [health, ready, live] = await Promise.all(
      ['/health', '/health/ready', '/health/live'].map((url) => app.inject({ url })),
    )
    assert.equal(health?.statusCode, 503)
    assert.equal(health?.json().status, 'unhealthy')
    assert.equal(ready?.statusCode, 503)
    assert.deepEqual(ready?.json().reasons, ['draining'])
    assert.equal(live?.statusCode, 200)
  })

  test('turns ready without a restart when the migrations are done, and says when the database is newer', async (t) => {
    const { app, url } = await startApp(t)
    const { app: waiting } = await startApp(t, { POSTGRES_URL: url, MIGRATE_ON_START: 'false' })
    const reasons = async () => (await waiting.inject({ url: '/health/ready' })).json().reasons
    const newer = { name: '9999_from_the_future', timestamp: new Date().toISOString() }
    const migrations = app.db.withTables<{ kysely_migration: typeof newer }>()
    await migrations.insertInto('kysely_migration').values(newer).execute()
    await until(async () => (await reasons()).includes('database_newer'), 'the newer database is noticed')
    await migrations.deleteFrom('kysely_migration').where('name', '=', newer.name).execute()
    await until(async () => (await reasons()).length === 0, 'the process is ready again')
  })
})

test('unknown paths and methods have the envelope, and Allow lists what works', async (t) => {
  const { app } = await startApp(t)
  assertEnvelope(await app.inject({ url: '/nowhere?token=secret' }), 'NotFoundError', '/nowhere')
  const answer = await app.inject({ method: 'DELETE', url: '/api/v1/users/me' })
  assertEnvelope(answer, 'MethodNotAllowedError')
  assert.equal(answer.headers.allow, 'GET, HEAD, PATCH')
})
