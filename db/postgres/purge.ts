import { type Kysely, type RawBuilder, sql } from 'kysely'
import type { Database } from './schema.ts'

const BATCH = 1000

/**
 * Deletes rows in small transactions, so that nobody waits long for them. Safe to run in several processes: each takes
 * rows that no other one has.
 * @returns how many rows were deleted
 */
export async function purgeRows(
  db: Kysely<Database>,
  table: keyof Database,
  condition: RawBuilder<unknown>,
): Promise<number> {
  for (let deleted = 0; ; ) {
    const { numAffectedRows = 0n } = await sql`
      delete from ${sql.table(table)} where ctid in (
        select ctid from ${sql.table(table)} where ${condition} limit ${BATCH} for update skip locked
      )`.execute(db)
    deleted += Number(numAffectedRows)
    if (numAffectedRows < BATCH) return deleted
  }
}

/** Deletes sessions and idempotency keys that are past their time. Nothing looks at them any more. */
export async function purgeExpired(db: Kysely<Database>): Promise<{ sessions: number; idempotencyKeys: number }> {
  const expired = sql`expires_at <= now()`
  return {
    sessions: await purgeRows(db, 'sessions', expired),
    idempotencyKeys: await purgeRows(db, 'idempotency_keys', expired),
  }
}
