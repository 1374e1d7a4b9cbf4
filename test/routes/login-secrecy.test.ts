import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { FastifyInstance } from 'fastify'
import pg from 'pg'
import { login, newEmail, password, register, startApp } from '#test/app'

const wrong = { password: 'a wrong password it is' }

/** What a login costs the service: the statements it sends for it, in order, and the hashes it computes. */
async function costOf(t: TestContext, app: FastifyInstance, work: () => Promise<unknown>) {
  const clients = new Set<unknown>()
  const onAcquire = (client: pg.PoolClient) => clients.add(client)
  app.pg.pool.on('acquire', onAcquire)
  const query = t.mock.method(pg.Client.prototype, 'query')
  const hashesBefore = await hashes(app)
  await work()
  const statements = query.mock.calls
    .filter((call) => clients.has(call.this))
    .map(({ arguments: [query] }) => (query as unknown as pg.QueryConfig).text ?? String(query))
    // The relay carries the events of earlier requests on.
    .filter((text) => !text.includes('"audit_events"'))
  query.mock.restore()
  app.pg.pool.off('acquire', onAcquire)
  return { statements, hashes: (await hashes(app)) - hashesBefore }
}

async function hashes(app: FastifyInstance): Promise<number> {
  const { body } = await app.inject({ url: '/metrics' })
  return Number(/^password_hash_seconds_count (\d+)$/m.exec(body)?.[1])
}

test('an unknown address costs the same statements and hashes as a wrong password', async (t) => {
  const { app } = await startApp(t)
  const { email } = await register(app)
  const disabled = await register(app)
  await app.db.updateTable('users').set({ disabled_at: new Date() }).where('id', '=', disabled.user.id).execute()
  const broken = await register(app)
  await app.db.updateTable('users').set({ password_hash: 'broken' }).where('id', '=', broken.user.id).execute()

  const known = await costOf(t, app, () => login(app, email, wrong))
  assert.equal(known.hashes, 1)
  assert.equal(known.statements.length, 2, 'the credentials, and the event')
  for (const address of [newEmail(), disabled.email, broken.email]) {
    assert.deepEqual(await costOf(t, app, () => login(app, address, wrong)), known)
  }
})

test('a password that can not be checked costs no statement', async (t) => {
  const { app } = await startApp(t, {
    ...{ ARGON2_MEMORY_KIB: '65536', ARGON2_TIME_COST: '5' },
    ...{ PASSWORD_HASH_CONCURRENCY: '1', PASSWORD_HASH_QUEUE: '0' },
  })
  const { email } = await register(app)
  const busy = app.passwords.hash(password)
  const { statements } = await costOf(t, app, async () => {
    assert.equal((await login(app, email)).statusCode, 503)
  })
  assert.deepEqual(statements, [])
  await busy
})

test('a hash is computed while no connection is held', async (t) => {
  const { app } = await startApp(t, { POSTGRES_POOL_MAX: '1', ARGON2_MEMORY_KIB: '65536', ARGON2_TIME_COST: '5' })
  const { email } = await register(app)
  const logins = Promise.all([login(app, email), login(app, email), login(app, email, { password })])
  let reads = 0
  let busy = true
  void logins.finally(() => {
    busy = false
  })
  while (busy) {
    await app.db.selectFrom('users').select('id').execute()
    reads += 1
  }
  assert.deepEqual(
    (await logins).map(({ statusCode }) => statusCode),
    [200, 200, 200],
  )
  assert.ok(reads > 5, `the one connection was free for ${reads} statements`)
})
