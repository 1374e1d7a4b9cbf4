import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import pg from 'pg'
import { createDatabase as createKysely, createSessionStore, poolOptions } from '#db/postgres'
import { AppError } from '#src/errors'
import { createDatabase, startCluster } from '#test/postgres'

const quick = { connectTimeoutMs: 300, queryTimeoutMs: 400, statementTimeoutMs: 300, max: 4 }

function open(t: TestContext, url: string) {
  const pool = new pg.Pool(poolOptions(url, quick))
  t.after(() => pool.end())
  return createKysely(pool)
}

const unavailable = (error: unknown) => error instanceof AppError && error.name === 'ServiceUnavailableError'

const now = sql<{ pid: number }>`select pg_backend_pid() as pid`

test('a stopped server is unavailable within the time limits, and the pool recovers with it', async (t) => {
  const cluster = await startCluster(t)
  const db = open(t, cluster.url)
  await Promise.all([now.execute(db), now.execute(db)])

  cluster.signal('SIGSTOP')
  const started = Date.now()
  const idle = Array.from({ length: 6 }, () => assert.rejects(now.execute(db), unavailable))
  const transaction = db.transaction().execute((trx) => now.execute(trx))
  await Promise.all([...idle, assert.rejects(transaction, unavailable)])
  assert.ok(Date.now() - started < 1500, `it took ${Date.now() - started} ms`)

  cluster.signal('SIGCONT')
  await now.execute(db)
})

test('a transaction on a server that stops reports what happened first, without waiting again to roll back', async (t) => {
  const cluster = await startCluster(t)
  const db = open(t, cluster.url)
  let started = 0
  const transaction = db.transaction().execute(async (trx) => {
    await now.execute(trx)
    cluster.signal('SIGSTOP')
    started = Date.now()
    await now.execute(trx)
  })
  await assert.rejects(transaction, (error) => {
    assert.ok(unavailable(error))
    assert.match(String((error as AppError).cause), /Query read timeout/)
    return true
  })
  assert.ok(Date.now() - started < 700)
  cluster.signal('SIGCONT')
})

test('a server that is killed ends no process, neither through idle connections nor through busy ones', async (t) => {
  const cluster = await startCluster(t)
  const db = open(t, cluster.url)
  await Promise.all([now.execute(db), now.execute(db)])
  const busy = db.connection().execute(async (connection) => {
    await now.execute(connection)
    cluster.signal('SIGKILL')
    await sleep(100)
    await assert.rejects(now.execute(connection), unavailable)
  })
  await busy

  for (let attempt = 0; ; attempt++) {
    const answered = await now.execute(db).then(
      () => true,
      (error) => assert.ok(unavailable(error)),
    )
    if (answered) break
    assert.ok(attempt < 100, 'the server did not come back')
    await sleep(50)
  }
})

test('a refused row is the database error that it is, and keeps the connection', async (t) => {
  const db = open(t, (await createDatabase(t)).url)
  const [before] = (await now.execute(db)).rows
  await assert.rejects(
    sql`select 1 / 0`.execute(db),
    (error) => error instanceof pg.DatabaseError && error.code === '22012',
  )
  const [after] = (await now.execute(db)).rows
  assert.equal(after?.pid, before?.pid)
})

test('a statement over its time limit is unavailable', async (t) => {
  const db = open(t, (await createDatabase(t)).url)
  await assert.rejects(sql`select pg_sleep(5)`.execute(db), unavailable)
})

test('a statement whose table was changed is unavailable once, and planned anew', async (t) => {
  const { url } = await createDatabase(t)
  const db = open(t, url)
  const { credentials } = createSessionStore(db, { slidingSeconds: 60, absoluteSeconds: 60, graceSeconds: 10 })
  assert.equal(await credentials('nobody@example.com'), null)
  await sql`alter table users alter column password_hash type varchar(500)`.execute(db)
  await assert.rejects(credentials('nobody@example.com'), unavailable)
  assert.equal(await credentials('nobody@example.com'), null)
})

test('a bare query of the pool is given up in time too, and what comes later is for nobody', async (t) => {
  const cluster = await startCluster(t)
  const pool = new pg.Pool(poolOptions(cluster.url, quick))
  t.after(() => pool.end())
  pool.on('error', () => {})
  const client = await pool.connect()
  let callbacks = 0
  cluster.signal('SIGSTOP')
  await Promise.all([
    assert.rejects(pool.query('select 1'), /timeout/),
    new Promise<void>((resolve) => {
      const callback = (error: Error) => {
        assert.match(String(error), /Query read timeout/)
        resolve()
      }
      // One that brings its own class.
      client.query(Object.assign(new pg.Query('select 1'), { callback }))
    }),
    assert.rejects(client.query('select 1'), /Query read timeout/),
    new Promise<void>((resolve) => {
      client.query('select $1::int as n', [2], (error) => {
        callbacks += 1
        assert.match(String(error), /Query read timeout/)
        resolve()
      })
    }),
  ])

  cluster.signal('SIGCONT')
  const patient = { text: 'select $1::int as n', values: [3], query_timeout: 5000 }
  const { rows } = await client.query(patient as pg.QueryConfig)
  assert.deepEqual([rows, callbacks], [[{ n: 3 }], 1])
  client.release()
})
