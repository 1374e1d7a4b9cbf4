import type { Kysely, Selectable } from 'kysely'
import type { Pool, QueryConfig } from 'pg'
import type { AuditEvent, AuditOutbox } from '#src/audit'
import { listen } from './listen.ts'
import type { AuditEventsTable, Database } from './schema.ts'

/** A migration's trigger notifies it of new rows. */
const CHANNEL = 'audit_outbox'
// As long as a scrape may wait for the gauges.
const BACKLOG_TIMEOUT_MS = 500

/** Writes events into the outbox; in the transaction of the change they describe, where there is one. */
export async function appendToOutbox(db: Kysely<Database>, events: readonly AuditEvent[]): Promise<void> {
  if (events.length === 0) return
  await db.insertInto('audit_outbox').values(events.map(toRow)).execute()
}

/** What `toRow` fills in. */
export const eventColumns = [
  ...(['id', 'type', 'outcome', 'user_id', 'session_id', 'correlation_id', 'ip', 'user_agent'] as const),
  ...(['occurred_at', 'details'] as const),
] satisfies readonly (keyof AuditEventsTable)[]

/** An event as a row of the outbox or of the trail. */
export function toRow(event: AuditEvent) {
  return {
    id: event.id,
    type: event.type,
    outcome: event.outcome,
    user_id: event.userId,
    session_id: event.sessionId,
    correlation_id: event.correlationId,
    ip: event.ip,
    user_agent: event.userAgent,
    occurred_at: event.occurredAt,
    details: event.details,
  }
}

/** The event of a row. */
export function toEvent(row: Selectable<AuditEventsTable>): AuditEvent {
  return {
    id: row.id,
    type: row.type,
    outcome: row.outcome,
    userId: row.user_id,
    sessionId: row.session_id,
    correlationId: row.correlation_id,
    ip: row.ip,
    userAgent: row.user_agent,
    occurredAt: row.occurred_at,
    details: row.details,
  }
}

/** The outbox of audit events. Runs on connections of its own: a slow trail must not take those of requests. */
export function createAuditOutbox(db: Kysely<Database>, pool: Pool) {
  return {
    handOver(limit, deliver) {
      return db.transaction().execute(async (tx) => {
        const rows = await tx
          .selectFrom('audit_outbox')
          .selectAll()
          .orderBy('id')
          .limit(limit)
          .forUpdate()
          .skipLocked()
          .execute()
        if (rows.length === 0) return 0
        await deliver(rows.map(toEvent))
        await tx
          .deleteFrom('audit_outbox')
          .where(
            'id',
            'in',
            rows.map(({ id }) => id),
          )
          .execute()
        return rows.length
      })
    },

    async backlog() {
      const { rows } = await pool.query<{ pending: string; oldest_seconds: number | null }>({
        text: `select count(*) as pending, extract(epoch from now() - min(occurred_at))::float8 as oldest_seconds
               from audit_outbox`,
        query_timeout: BACKLOG_TIMEOUT_MS,
      } as QueryConfig)
      return { pending: Number(rows[0]?.pending ?? 0), oldestSeconds: Math.max(0, rows[0]?.oldest_seconds ?? 0) }
    },

    listen: (onEvents, signal) => listen(pool, CHANNEL, onEvents, signal),
  } satisfies AuditOutbox
}
