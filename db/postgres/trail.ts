import { type Kysely, sql } from 'kysely'
import type { AuditTrail, TrailPage } from '#src/audit'
import { toEvent, toRow } from './outbox.ts'
import { purgeRows } from './purge.ts'
import type { Database } from './schema.ts'

/**
 * The audit trail in PostgreSQL, for development without MongoDB.
 * @param retentionDays after which an event is removed
 */
export function createPostgresTrail(db: Kysely<Database>, retentionDays: number) {
  return {
    async append(events) {
      if (events.length === 0) return
      await db
        .insertInto('audit_events')
        .values(events.map(toRow))
        .onConflict((conflict) => conflict.column('id').doNothing())
        .execute()
    },

    async page(userId, { beforeId, type, limit }: TrailPage) {
      const rows = await db
        .selectFrom('audit_events')
        .selectAll()
        .where('user_id', '=', userId)
        .$if(type !== null, (query) => query.where('type', '=', type as NonNullable<typeof type>))
        .$if(beforeId !== null, (query) => query.where('id', '<', beforeId))
        .orderBy('id', 'desc')
        .limit(limit)
        .execute()
      return rows.map(toEvent)
    },

    purge() {
      return purgeRows(db, 'audit_events', sql`occurred_at < now() - make_interval(days => ${retentionDays})`)
    },
  } satisfies AuditTrail
}
