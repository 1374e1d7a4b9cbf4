import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readdirSync } from 'node:fs'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import pg from 'pg'
import { createMigrations, poolOptions } from '#db/postgres'
import { createDatabase, createEmptyDatabase } from '#test/postgres'

const all = readdirSync('db/postgres/migrations')
  .map((file) => path.parse(file).name)
  .sort()

function openPool(t: TestContext, url: string, settings: Parameters<typeof poolOptions>[1] = {}): pg.Pool {
  const pool = new pg.Pool(poolOptions(url, settings))
  t.after(() => pool.end())
  return pool
}

async function columns(pool: pg.Pool): Promise<unknown[]> {
  const { rows } = await pool.query(`
    select table_name, column_name, data_type, is_nullable, column_default
    from information_schema.columns where table_schema = 'public' and table_name not like 'kysely%' order by 1, 2`)
  return rows
}

test('migrations go up, down to nothing and up again to the same tables', async (t) => {
  const { url } = await createEmptyDatabase(t)
  const pool = openPool(t, url)
  const migrations = createMigrations(pool)

  assert.deepEqual(await migrations.status(), { pending: all, unknown: [] })
  assert.deepEqual(await migrations.up(), all)
  const tables = await columns(pool)
  assert.deepEqual(await migrations.status(), { pending: [], unknown: [] })
  assert.deepEqual(await migrations.up(), [])

  for (const name of all.toReversed()) assert.equal(await migrations.down(), name)
  assert.equal(await migrations.down(), null)
  assert.deepEqual(await columns(pool), [])

  await migrations.up()
  assert.deepEqual(await columns(pool), tables)
})

test('five processes that migrate an empty database at once apply each migration once', async (t) => {
  const { url } = await createEmptyDatabase(t)
  const script = `
    import pg from 'pg'
    import { createMigrations, poolOptions } from '#db/postgres'
    const pool = new pg.Pool(poolOptions(process.argv[1]))
    const applied = await createMigrations(pool).up()
    process.stdout.write(JSON.stringify(applied))
    await pool.end()`
  const runs = await Promise.all(
    Array.from({ length: 5 }, () => promisify(execFile)(process.execPath, ['--input-type=module', '-e', script, url])),
  )
  assert.deepEqual(runs.flatMap(({ stdout }) => JSON.parse(stdout)).sort(), all)
})

test('a migration may wait for a lock longer than a request may', async (t) => {
  const { url } = await createEmptyDatabase(t)
  const pool = openPool(t, url, { queryTimeoutMs: 150, statementTimeoutMs: 100, lockTimeoutMs: 50 })
  const migrations = createMigrations(pool)
  await migrations.up()
  while ((await migrations.down()) !== '0002_audit_trail');
  const holder = new pg.Client(url)
  await holder.connect()
  t.after(() => holder.end())
  await holder.query('begin; lock table audit_outbox in access exclusive mode')

  const applied = migrations.up()
  await sleep(400)
  await holder.query('commit')
  assert.equal((await applied)[0], '0002_audit_trail')
})

test('a database that a newer release migrated is noticed and left alone', async (t) => {
  const { url } = await createDatabase(t)
  const pool = openPool(t, url)
  await pool.query(`insert into kysely_migration (name, timestamp) values ('9999_future', '2030-01-01T00:00:00.000Z')`)
  const migrations = createMigrations(pool)

  assert.deepEqual(await migrations.status(), { pending: [], unknown: ['9999_future'] })
  await assert.rejects(migrations.up(), /newer than this release: it has 9999_future/)
  await assert.rejects(migrations.down(), /newer than this release/)
})
