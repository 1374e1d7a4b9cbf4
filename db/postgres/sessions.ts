import DataLoader from 'dataloader'
import { type Kysely, type OperationNodeSource, sql } from 'kysely'
import type { Principal } from '#src/accounts'
import type { NewSession, Session, SessionLifetime, SessionStore } from '#src/auth'
import { appendToOutbox, eventColumns, toRow } from './outbox.ts'
import type { Database } from './schema.ts'
import { statement, type ValueOf } from './statements.ts'
import { inTransaction, retried } from './transaction.ts'
import { toUser } from './users.ts'

/** Sessions in PostgreSQL. */
export function createSessionStore(db: Kysely<Database>, lifetime: SessionLifetime) {
  const principals = coalescedPrincipals(db)
  const statements = hotStatements(db, lifetime)

  return {
    async credentials(emailKey) {
      const { rows } = await statements.credentials(db, { emailKey })
      const [row] = rows
      return row ? { userId: row.id, passwordHash: row.password_hash, disabled: row.disabled_at !== null } : null
    },

    async open(session, checkedHash, newHash, event) {
      const values = { ...session, checkedHash, event: toRow(event) }
      const { rows } = await retried(() =>
        newHash === null ? statements.open(db, values) : statements.openWithNewHash(db, { ...values, newHash }),
      )
      return rows.length > 0
    },

    async rotate(sessionId, generation, reuseEvents) {
      const { rows } = await retried(() => statements.rotate(db, { sessionId, generation, next: generation + 1 }))
      const [rotated] = rows
      if (rotated) return { kind: 'rotated', userId: rotated.id, generation: generation + 1 }

      return inTransaction(db, async (tx) => {
        const current = await tx
          .selectFrom('sessions')
          .innerJoin('users', 'users.id', 'sessions.user_id')
          .select(['user_id', 'generation'])
          .select(
            sql<boolean>`rotated_at > clock_timestamp() - make_interval(secs => ${lifetime.graceSeconds})`.as(
              'in_grace',
            ),
          )
          .where('sessions.id', '=', sessionId)
          .where('expires_at', '>', sql<Date>`now()`)
          .where('users.disabled_at', 'is', null)
          .forUpdate('sessions')
          .executeTakeFirst()
        // A generation that the database has not reached yet comes from before a restored backup: nothing was stolen.
        if (!current || generation >= current.generation) return { kind: 'ended' }
        if (generation === current.generation - 1 && current.in_grace) {
          return { kind: 'rotated', userId: current.user_id, generation: current.generation }
        }
        await tx.deleteFrom('sessions').where('id', '=', sessionId).execute()
        await appendToOutbox(tx, reuseEvents(current.user_id))
        return { kind: 'reused', userId: current.user_id }
      })
    },

    principal(sessionId) {
      return principals.load(sessionId)
    },

    async list(userId, beforeId, limit) {
      const rows = await db
        .selectFrom('sessions')
        .select(['id', 'user_id', 'device_name', 'ip', 'user_agent', 'created_at', 'last_used_at', 'expires_at'])
        .where('user_id', '=', userId)
        .where('expires_at', '>', sql<Date>`now()`)
        .$if(beforeId !== null, (query) => query.where('id', '<', beforeId))
        .orderBy('id', 'desc')
        .limit(limit)
        .execute()
      return rows.map(
        (row): Session => ({
          id: row.id,
          userId: row.user_id,
          deviceName: row.device_name,
          ip: row.ip,
          userAgent: row.user_agent,
          createdAt: row.created_at,
          lastUsedAt: row.last_used_at,
          expiresAt: row.expires_at,
        }),
      )
    },

    end(userId, sessionId, eventFor) {
      return inTransaction(db, async (tx) => {
        const ended = await tx
          .deleteFrom('sessions')
          .where('id', '=', sessionId)
          .where('user_id', '=', userId)
          .where('expires_at', '>', sql<Date>`now()`)
          .returning('id')
          .executeTakeFirst()
        await appendToOutbox(tx, [eventFor(ended !== undefined)])
        return ended !== undefined
      })
    },

    record(event) {
      return appendToOutbox(db, [event])
    },
  } satisfies SessionStore
}

/** What logins and refreshes send. Each is one atomic unit, and its only round trip. */
function hotStatements(db: Kysely<Database>, lifetime: SessionLifetime) {
  const seconds = (count: number) => sql<Date>`now() + make_interval(secs => ${count})`

  const credentials = statement((value: ValueOf<{ emailKey: string }>) =>
    db.selectFrom('users').select(['id', 'password_hash', 'disabled_at']).where('email_key', '=', value('emailKey')),
  )

  // Whatever gives the owner also locks the user against a password change, which ends all sessions that it sees.
  type Opening = NewSession & { checkedHash: string; event: ReturnType<typeof toRow> }
  const openFor = <Values extends Opening>(owner: (value: ValueOf<Values>) => OperationNodeSource) =>
    statement((value: ValueOf<Values>) => {
      const columns = sql.join(eventColumns.map((column) => sql.ref(column)))
      const query = sql<{ id: string }>`
        with owner as (${owner(value)}),
        opened as (
          insert into sessions (id, user_id, device_name, ip, user_agent, expires_at, ends_at)
          select ${value('id')}::uuid, id, ${value('deviceName')}, ${value('ip')}, ${value('userAgent')},
            ${seconds(Math.min(lifetime.slidingSeconds, lifetime.absoluteSeconds))}, ${seconds(lifetime.absoluteSeconds)}
          from owner
        ),
        told as (
          insert into audit_outbox (${columns})
          select ${columns} from jsonb_populate_record(null::audit_outbox, ${value('event')}::jsonb)
          where exists (select from owner)
        )
        select id from owner`
      return { compile: () => query.compile(db) }
    })
  const open = openFor<Opening>((value) =>
    db
      .selectFrom('users')
      .select('id')
      .where('id', '=', value('userId'))
      .where('password_hash', '=', value('checkedHash'))
      .where('disabled_at', 'is', null)
      .forUpdate(),
  )
  const openWithNewHash = openFor<Opening & { newHash: string }>((value) =>
    db
      .updateTable('users')
      .set({ password_hash: value('newHash') })
      .where('id', '=', value('userId'))
      .where('password_hash', '=', value('checkedHash'))
      .where('disabled_at', 'is', null)
      .returning('id'),
  )

  const rotate = statement((value: ValueOf<{ sessionId: string; generation: number; next: number }>) =>
    db
      .updateTable('sessions')
      .from('users')
      .set({
        generation: value('next'),
        rotated_at: sql`now()`,
        last_used_at: sql`now()`,
        expires_at: sql`least(${seconds(lifetime.slidingSeconds)}, ends_at)`,
      })
      .where('sessions.id', '=', value('sessionId'))
      .where('generation', '=', value('generation'))
      .where('expires_at', '>', sql<Date>`now()`)
      .whereRef('users.id', '=', 'sessions.user_id')
      .where('users.disabled_at', 'is', null)
      .returning('users.id'),
  )

  return { credentials, open, openWithNewHash, rotate }
}

/**
 * Lookups that arrive in the same turn of the event loop share one query. It is sent after the last of them has arrived
 * and nothing is kept, so every answer is as fresh as with a query of its own, at a fraction of the cost.
 */
function coalescedPrincipals(db: Kysely<Database>): DataLoader<string, Principal | null> {
  const find = statement((value: ValueOf<{ sessionIds: readonly string[] }>) =>
    db
      .selectFrom('sessions as s')
      .innerJoin('users as u', 'u.id', 's.user_id')
      .select([
        's.id as session_id',
        'u.id',
        'u.email',
        'u.full_name',
        'u.role',
        'u.version',
        'u.created_at',
        'u.updated_at',
      ])
      .where('s.id', '=', sql<string>`any(${value('sessionIds')}::uuid[])`)
      .where('s.expires_at', '>', sql<Date>`now()`)
      .where('u.disabled_at', 'is', null),
  )
  return new DataLoader<string, Principal | null>(
    async (sessionIds) => {
      const { rows } = await find(db, { sessionIds })
      const found = new Map(rows.map((row) => [row.session_id, { user: toUser(row), sessionId: row.session_id }]))
      return sessionIds.map((id) => found.get(id) ?? null)
    },
    { cache: false, maxBatchSize: 500, batchScheduleFn: (send) => setImmediate(send) },
  )
}
