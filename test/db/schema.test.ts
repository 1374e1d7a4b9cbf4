import assert from 'node:assert/strict'
import { test } from 'node:test'
import pg from 'pg'
import { createDatabase } from '#test/postgres'

test('every foreign key is the beginning of an index', async (t) => {
  const { url } = await createDatabase(t)
  const client = new pg.Client(url)
  await client.connect()
  t.after(() => client.end())

  const { rows } = await client.query(`
    select conrelid::regclass::text as "table", conname as key, exists (
      select from pg_index
      where indrelid = conrelid and indpred is null
        and (string_to_array(indkey::text, ' ')::smallint[])[1:cardinality(conkey)] = conkey
    ) as indexed
    from pg_constraint where contype = 'f'`)
  assert.deepEqual(rows, [{ table: 'sessions', key: 'sessions_user_id_fkey', indexed: true }])
})
