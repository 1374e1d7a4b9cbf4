import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { suite, test } from 'node:test'
import { type Kysely, sql } from 'kysely'
import pg from 'pg'
import { createDatabase as connect, createPostgresTrail, type Database, poolOptions, purgeExpired } from '#db/postgres'
import { createDatabase } from '#test/postgres'

async function setUp(t: TestContext) {
  const { url } = await createDatabase(t)
  const pool = new pg.Pool(poolOptions(url))
  t.after(() => pool.end())
  return connect(pool)
}

/** Sessions and idempotency keys, of which every tenth is good for another hour; the others have expired. */
async function fill(db: Kysely<Database>, rows: number): Promise<void> {
  await sql`
    insert into users (id, email, email_key, full_name, password_hash)
    select gen_random_uuid(), 'a@example.com', 'a@example.com', 'Ada', 'hash'`.execute(db)
  const expiry = sql`now() + case when n % 10 = 0 then interval '1 hour' else interval '-1 second' end`
  await sql`
    insert into sessions (id, user_id, expires_at, ends_at)
    select gen_random_uuid(), users.id, ${expiry}, now() from users, generate_series(1, ${sql.lit(rows)}) n`.execute(db)
  await sql`
    insert into idempotency_keys (scope, key, caller, request_hmac, expires_at)
    select 'scope', n::text, 'caller', '\\x00', ${expiry} from generate_series(1, ${sql.lit(rows)}) n`.execute(db)
}

const count = async (db: Kysely<Database>, table: 'sessions' | 'idempotency_keys') =>
  Number((await db.selectFrom(table).select(db.fn.countAll().as('rows')).executeTakeFirstOrThrow()).rows)

suite('the purge', () => {
  test('of two processes at once deletes what has expired, each row by one of them, and nothing else', async (t) => {
    const db = await setUp(t)
    await fill(db, 5000)
    const purged = await Promise.all([purgeExpired(db), purgeExpired(db)])
    const total = (kind: 'sessions' | 'idempotencyKeys') => purged.reduce((sum, each) => sum + each[kind], 0)
    assert.equal(total('sessions'), 4500)
    assert.equal(total('idempotencyKeys'), 4500)
    assert.equal(await count(db, 'sessions'), 500)
    assert.equal(await count(db, 'idempotency_keys'), 500)
    assert.deepEqual(await purgeExpired(db), { sessions: 0, idempotencyKeys: 0 })
  })

  test('goes in small steps, and around rows that somebody works on', async (t) => {
    const db = await setUp(t)
    await fill(db, 3000)
    await sql`
      create table steps (deleted int);
      create function note() returns trigger language plpgsql as $$
        begin insert into steps select count(*) from gone; return null; end $$;
      create trigger note after delete on sessions referencing old table as gone
        for each statement execute function note()`.execute(db)
    await db.transaction().execute(async (tx) => {
      const held = await tx
        .selectFrom('sessions')
        .select('id')
        .where('expires_at', '<', sql<Date>`now()`)
        .limit(1)
        .forUpdate()
        .execute()
      assert.equal(held.length, 1)
      assert.equal((await purgeExpired(db)).sessions, 2699)
    })
    const { rows } = await sql<{ deleted: number }>`select deleted from steps`.execute(db)
    assert.deepEqual(
      rows.map(({ deleted }) => deleted),
      [1000, 1000, 699],
    )
    assert.equal((await purgeExpired(db)).sessions, 1)
  })

  test('of the trail keeps what is within the retention', async (t) => {
    const db = await setUp(t)
    await sql`
      insert into audit_events (id, type, outcome, correlation_id, occurred_at)
      select gen_random_uuid(), 'login', 'success', 'c', now() - n * interval '1 day'
      from generate_series(1, 20) n`.execute(db)
    assert.equal(await createPostgresTrail(db, 15).purge(), 6)
  })
})
