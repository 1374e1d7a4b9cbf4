import DataLoader from 'dataloader'
import { type Kysely, sql } from 'kysely'
import type { Principal } from '#src/accounts'
import type { Session, SessionLifetime, SessionStore } from '#src/auth'
import { appendToOutbox } from './outbox.ts'
import type { Database } from './schema.ts'
import { inTransaction } from './transaction.ts'
import { toUser } from './users.ts'

/** Sessions in PostgreSQL. */
export function createSessionStore(db: Kysely<Database>, lifetime: SessionLifetime) {
  const principals = coalescedPrincipals(db)
  const seconds = (count: number) => sql<Date>`now() + make_interval(secs => ${count})`

  return {
    async credentials(emailKey) {
      const row = await db
        .selectFrom('users')
        .select(['id', 'password_hash', 'disabled_at'])
        .where('email_key', '=', emailKey)
        .executeTakeFirst()
      return row ? { userId: row.id, passwordHash: row.password_hash, disabled: row.disabled_at !== null } : null
    },

    open(session, checkedHash, newHash, event) {
      return inTransaction(db, async (tx) => {
        // Locks the user against a password change, which ends all sessions that it sees.
        const user = await tx
          .selectFrom('users')
          .select('id')
          .where('id', '=', session.userId)
          .where('password_hash', '=', checkedHash)
          .where('disabled_at', 'is', null)
          .forUpdate()
          .executeTakeFirst()
        if (!user) return false
        if (newHash !== null) {
          await tx.updateTable('users').set({ password_hash: newHash }).where('id', '=', session.userId).execute()
        }
        await tx
          .insertInto('sessions')
          .values({
            id: session.id,
            user_id: session.userId,
            device_name: session.deviceName,
            ip: session.ip,
            user_agent: session.userAgent,
            expires_at: seconds(Math.min(lifetime.slidingSeconds, lifetime.absoluteSeconds)),
            ends_at: seconds(lifetime.absoluteSeconds),
          })
          .execute()
        await appendToOutbox(tx, [event])
        return true
      })
    },

    rotate(sessionId, generation, reuseEvents) {
      return inTransaction(db, async (tx) => {
        const rotated = await tx
          .updateTable('sessions')
          .from('users')
          .set({
            generation: generation + 1,
            rotated_at: sql`now()`,
            last_used_at: sql`now()`,
            expires_at: sql`least(${seconds(lifetime.slidingSeconds)}, ends_at)`,
          })
          .where('sessions.id', '=', sessionId)
          .where('generation', '=', generation)
          .where('expires_at', '>', sql<Date>`now()`)
          .whereRef('users.id', '=', 'sessions.user_id')
          .where('users.disabled_at', 'is', null)
          .returning('users.id')
          .executeTakeFirst()
        if (rotated) return { kind: 'rotated', userId: rotated.id, generation: generation + 1 }

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

/**
 * Lookups that arrive in the same turn of the event loop share one query. It is sent after the last of them has arrived
 * and nothing is kept, so every answer is as fresh as with a query of its own, at a fraction of the cost.
 */
function coalescedPrincipals(db: Kysely<Database>): DataLoader<string, Principal | null> {
  const compiled = db
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
    .where('s.id', '=', sql<string>`any(${[]}::uuid[])`)
    .where('s.expires_at', '>', sql<Date>`now()`)
    .where('u.disabled_at', 'is', null)
    .compile()
  return new DataLoader<string, Principal | null>(
    async (sessionIds) => {
      const batch: typeof compiled = { ...compiled, parameters: [sessionIds] }
      const { rows } = await db.executeQuery(batch)
      const found = new Map(rows.map((row) => [row.session_id, { user: toUser(row), sessionId: row.session_id }]))
      return sessionIds.map((id) => found.get(id) ?? null)
    },
    { cache: false, maxBatchSize: 500, batchScheduleFn: (send) => setImmediate(send) },
  )
}
