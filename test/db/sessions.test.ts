import assert from 'node:assert/strict'
import { suite, type TestContext, test } from 'node:test'
import { type Kysely, sql } from 'kysely'
import pg from 'pg'
import { createDatabase as connect, createSessionStore, type Database, poolOptions } from '#db/postgres'
import { auditEvent } from '#src/audit'
import { newId } from '#src/ids'
import { createDatabase } from '#test/postgres'

const lifetime = { slidingSeconds: 60, absoluteSeconds: 600, graceSeconds: 10 }
const context = { correlationId: 'test', ip: '192.0.2.1', userAgent: 'test' }

async function setUp(t: TestContext, names: readonly string[]) {
  const { url } = await createDatabase(t)
  const pool = new pg.Pool(poolOptions(url))
  t.after(() => pool.end())
  const db = connect(pool)
  const users = names.map((name) => ({ id: newId(), emailKey: `${name}@example.com` }))
  await db
    .insertInto('users')
    .values(
      users.map(({ id, emailKey }) => ({
        ...{ id, email: emailKey, email_key: emailKey, full_name: 'Ada', password_hash: `hash of ${emailKey}` },
      })),
    )
    .execute()
  const store = createSessionStore(db, lifetime)
  const open = (userId: string, checkedHash: string, deviceName: string | null = null) => {
    const session = { id: newId(), userId, deviceName, ip: context.ip, userAgent: context.userAgent }
    const event = auditEvent({ type: 'login', outcome: 'success', userId, sessionId: session.id }, context)
    return store.open(session, checkedHash, null, event)
  }
  return { db, store, users, open }
}

const opened = async (db: Kysely<Database>) => {
  const sessions = await db.selectFrom('sessions').select(['id', 'user_id', 'device_name']).orderBy('id').execute()
  const events = await db.selectFrom('audit_outbox').select(['session_id', 'user_id']).orderBy('session_id').execute()
  assert.deepEqual(
    events.map((event) => [event.session_id, event.user_id]),
    sessions.map((session) => [session.id, session.user_id]),
  )
  return sessions.map((session) => [session.user_id, session.device_name])
}

suite('sessions that are opened in the same turn', () => {
  test('are all there, each with its event, also two of one user', async (t) => {
    const { db, users, open } = await setUp(t, ['ada', 'bob'])
    const [ada, bob] = users.map(({ id }) => id) as [string, string]
    const device = 'a "phone", \\ {or} \ud800'
    const found = await Promise.all([
      open(ada, 'hash of ada@example.com', device),
      open(bob, 'hash of bob@example.com'),
      open(ada, 'hash of ada@example.com'),
    ])
    assert.deepEqual(found, [true, true, true])
    assert.deepEqual(await opened(db), [
      [ada, device.toWellFormed()],
      [bob, null],
      [ada, null],
    ])
  })

  test('leave out those whose password was changed, whose account is disabled, and who are gone', async (t) => {
    const { db, users, open } = await setUp(t, ['ada', 'bob', 'cyd'])
    const [ada, bob, cyd] = users.map(({ id }) => id) as [string, string, string]
    await db.updateTable('users').set({ disabled_at: sql`now()` }).where('id', '=', cyd).execute()
    const found = await Promise.all([
      open(ada, 'an older hash'),
      open(bob, 'hash of bob@example.com'),
      open(cyd, 'hash of cyd@example.com'),
      open(newId(), 'hash of ada@example.com'),
    ])
    assert.deepEqual(found, [false, true, false, false])
    assert.deepEqual(await opened(db), [[bob, null]])
  })

  test('do not wait for a user that somebody else holds, and that one sees the change it waited for', async (t) => {
    const { db, users, open } = await setUp(t, ['ada', 'bob', 'cyd'])
    const [ada, bob, cyd] = users.map(({ id }) => id) as [string, string, string]
    const change = Promise.withResolvers<void>()
    const held = Promise.withResolvers<void>()
    const holder = db.transaction().execute(async (tx) => {
      await tx.updateTable('users').set({ password_hash: 'a new hash' }).where('id', '=', ada).execute()
      await tx.selectFrom('users').select('id').where('id', '=', cyd).forUpdate().execute()
      held.resolve()
      await change.promise
    })
    await held.promise
    const found = [ada, bob, cyd].map((id, n) => open(id, `hash of ${users[n]?.emailKey}`))
    assert.equal(await found[1], true)
    assert.deepEqual(await opened(db), [[bob, null]])
    change.resolve()
    await holder
    assert.deepEqual(await Promise.all(found), [false, true, true])
    assert.deepEqual((await opened(db)).map(([user]) => user).sort(), [bob, cyd].sort())
  })
})

test('credentials that are asked for in the same turn are each one’s own', async (t) => {
  const { store, users } = await setUp(t, ['ada', 'bob'])
  const keys = ['bob@example.com', 'nobody@example.com', 'ada@example.com', 'bob@example.com']
  const found = await Promise.all(keys.map(store.credentials))
  const of = (emailKey: string) => {
    const user = users.find((one) => one.emailKey === emailKey)
    return user ? { userId: user.id, passwordHash: `hash of ${emailKey}`, disabled: false } : null
  }
  assert.deepEqual(found, keys.map(of))
})
