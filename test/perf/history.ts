import type { Pool } from 'pg'
import type { Account } from './accounts.ts'

/** What a reader of the trail looks at: more pages than anybody turns. */
export const LONG_HISTORY = 20_000

/**
 * Fills the trail in PostgreSQL: ten events for each user over the last 400 days, and a long history for one.
 * @returns how many events
 */
export async function fillTrail(pool: Pool, reader: Account): Promise<number> {
  const indexes = await pool.query<{ name: string; definition: string }>(
    `select indexname as name, indexdef as definition from pg_indexes
     where tablename = 'audit_events' and indexname <> 'audit_events_pkey'`,
  )
  // Made afterwards, they are filled in order, which takes a fraction of the time.
  for (const { name } of indexes.rows) await pool.query(`drop index ${name}`)
  const columns = 'id, type, outcome, user_id, session_id, correlation_id, ip, user_agent, occurred_at'
  const values = (userId: string, age: string) =>
    `uuidv7(-${age}), case when random() < 0.9 then 'login' else 'logout' end, 'success', ${userId}, uuidv7(),
     gen_random_uuid()::text, '203.0.113.7', 'Mozilla/5.0', now() - ${age}`
  const few = await pool.query(
    `insert into audit_events (${columns})
     select ${values('u.id', 'age')} from generate_series(1, 10) n, users u,
     lateral (select random() * interval '400 days' as age where u.id is not null and n > 0) a`,
  )
  const many = await pool.query(
    `insert into audit_events (${columns})
     select ${values('$1::uuid', 'age')} from generate_series(1, $2::int) n,
     lateral (select n * interval '20 minutes' as age) a`,
    [reader.user.id, LONG_HISTORY],
  )
  for (const { definition } of indexes.rows) await pool.query(definition)
  await pool.query('vacuum analyze audit_events')
  return (few.rowCount ?? 0) + (many.rowCount ?? 0)
}

/** Puts events into the outbox, as a trail that was away for a while finds it. */
export async function fillOutbox(pool: Pool, events: number): Promise<void> {
  await pool.query(
    `insert into audit_outbox (id, type, outcome, correlation_id, ip, user_agent)
     select uuidv7(), 'login', 'success', gen_random_uuid()::text, '203.0.113.7', 'Mozilla/5.0'
     from generate_series(1, $1::int)`,
    [events],
  )
}
