import { type Kysely, sql } from 'kysely'
import type { Principal } from '#src/accounts'
import type { Session, SessionLifetime, SessionStore } from '#src/auth'
import { coalesced, coalescedLookup } from './coalesced.ts'
import { appendToOutbox } from './outbox.ts'
import type { Database } from './schema.ts'
import { type Opening, openingValues, sessionStatements } from './session-statements.ts'
import { inTransaction, retried } from './transaction.ts'
import { toUser } from './users.ts'

/** Sessions in PostgreSQL. */
export function createSessionStore(db: Kysely<Database>, lifetime: SessionLifetime) {
  const statements = sessionStatements(db, lifetime)

  const principal = coalescedLookup<Principal>(async (sessionIds) => {
    const { rows } = await statements.principals(db, { sessionIds })
    return rows.map((row) => [row.session_id, { user: toUser(row), sessionId: row.session_id }])
  })

  const credentials = coalescedLookup(async (emailKeys) => {
    const { rows } = await statements.credentials(db, { emailKeys })
    return rows.map((row) => [
      row.email_key,
      { userId: row.id, passwordHash: row.password_hash, disabled: row.disabled_at !== null },
    ])
  })

  /** @returns whether it was opened; when not, it may still be possible alone */
  const openTogether = coalesced(async (openings: readonly Opening[]): Promise<boolean[]> => {
    if (openings.length === 1) return [false]
    const { rows } = await retried(() => statements.openUnlocked(db, openingValues(openings)))
    const opened = new Set(rows.map(({ id }) => id))
    return openings.map(({ session }) => opened.has(session.id))
  })

  return {
    credentials,

    async open(session, checkedHash, newHash, event) {
      const opening = { session, checkedHash, event }
      if (newHash === null && (await openTogether(opening))) return true
      const values = openingValues([opening])
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

    principal,

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
