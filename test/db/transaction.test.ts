import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { type Kysely, sql, type Transaction } from 'kysely'
import pg from 'pg'
import { createDatabase as createKysely, type Database, poolOptions } from '#db/postgres'
import { AppError } from '#src/errors'
import { createDatabase } from '#test/postgres'
import { inTransaction } from '../../db/postgres/transaction.ts'

async function open(t: TestContext): Promise<Kysely<Database>> {
  const { url } = await createDatabase(t)
  const pool = new pg.Pool(poolOptions(url))
  t.after(() => pool.end())
  const db = createKysely(pool)
  await sql`create table counters (name text primary key, value integer not null)`.execute(db)
  await sql`insert into counters values ('a', 0), ('b', 0)`.execute(db)
  return db
}

const increment = (db: Transaction<Database>, name: string) =>
  sql`update counters set value = value + 1 where name = ${name}`.execute(db)

test('two transactions that lock each other out both succeed', async (t) => {
  const db = await open(t)
  let arrived = 0
  const bothHoldOne = Promise.withResolvers<void>()
  const meet = () => {
    if (++arrived >= 2) bothHoldOne.resolve()
    return bothHoldOne.promise
  }
  const inOrder = (first: string, second: string) =>
    inTransaction(db, async (trx) => {
      // The server finds a deadlock in less time than it allows for a lock.
      await sql`set local deadlock_timeout = '50ms'`.execute(trx)
      await increment(trx, first)
      await meet()
      await increment(trx, second)
    })
  await Promise.all([inOrder('a', 'b'), inOrder('b', 'a')])

  const { rows } = await sql<{ value: number }>`select value from counters`.execute(db)
  assert.deepEqual(rows, [{ value: 2 }, { value: 2 }])
})

test('a transaction that keeps losing is tried three times and is then unavailable', async (t) => {
  const db = await open(t)
  let attempts = 0
  const lose = inTransaction(db, async (trx) => {
    attempts++
    await sql`do $$ begin raise serialization_failure; end $$`.execute(trx)
  })
  await assert.rejects(lose, (error) => error instanceof AppError && error.name === 'ServiceUnavailableError')
  assert.equal(attempts, 3)
})

test('a transaction that throws leaves nothing behind and is tried once', async (t) => {
  const db = await open(t)
  let attempts = 0
  const fail = inTransaction(db, async (trx) => {
    attempts++
    await increment(trx, 'a')
    throw new RangeError('refused')
  })
  await assert.rejects(fail, RangeError)
  assert.equal(attempts, 1)
  const { rows } = await sql`select from counters where value > 0`.execute(db)
  assert.equal(rows.length, 0)
})
