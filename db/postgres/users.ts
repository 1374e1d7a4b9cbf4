import { type Kysely, type Selectable, sql } from 'kysely'
import type { AccountStore, User } from '#src/accounts'
import { isUniqueViolation } from './errors.ts'
import { claimIdempotency, settleIdempotency } from './idempotency.ts'
import { appendToOutbox } from './outbox.ts'
import type { Database, UsersTable } from './schema.ts'
import { inTransaction } from './transaction.ts'

const userColumns = ['id', 'email', 'full_name', 'role', 'version', 'created_at', 'updated_at'] as const

/** A user as the domain sees it; the password hash does not come along. */
export function toUser(row: Pick<Selectable<UsersTable>, (typeof userColumns)[number]>): User {
  return {
    id: row.id,
    email: row.email,
    fullName: row.full_name,
    role: row.role,
    version: row.version,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  }
}

/** Accounts in PostgreSQL. */
export function createAccountStore(db: Kysely<Database>) {
  return {
    create(user, eventFor, idempotent) {
      return inTransaction(db, async (tx) => {
        if (idempotent) await claimIdempotency(tx, idempotent.claim)
        const inserted = await tx
          .insertInto('users')
          .values({
            id: user.id,
            email: user.email,
            email_key: user.emailKey,
            full_name: user.fullName,
            password_hash: user.passwordHash,
          })
          .onConflict((conflict) => conflict.column('email_key').doNothing())
          .returning(userColumns)
          .executeTakeFirst()
        const holder =
          inserted ??
          (await tx.selectFrom('users').select('id').where('email_key', '=', user.emailKey).executeTakeFirstOrThrow())
        await appendToOutbox(tx, [eventFor({ created: inserted !== undefined, userId: holder.id })])
        const created = inserted ? toUser(inserted) : null
        if (idempotent) await settleIdempotency(tx, idempotent, created)
        return created
      })
    },

    async updateProfile(userId, change, versions, eventFor) {
      const changed = inTransaction(db, async (tx) => {
        const row = await tx
          .updateTable('users')
          .set({
            ...(change.email === undefined ? {} : { email: change.email, email_key: change.emailKey }),
            ...(change.fullName === undefined ? {} : { full_name: change.fullName }),
            version: sql`version + 1`,
            updated_at: sql`now()`,
          })
          .where('id', '=', userId)
          .$if(versions !== null, (query) => query.where('version', '=', sql<number>`any(${versions}::int[])`))
          .returning(userColumns)
          .executeTakeFirst()
        await appendToOutbox(tx, [eventFor(row ? 'changed' : 'stale')])
        return row ? { user: toUser(row) } : { refused: 'stale' as const }
      })
      try {
        return await changed
      } catch (error) {
        if (!isUniqueViolation(error)) throw error
        // The constraint has undone the transaction, so the failure is recorded on its own.
        await this.record(eventFor('taken'))
        return { refused: 'taken' }
      }
    },

    async passwordHash(userId) {
      const row = await db.selectFrom('users').select('password_hash').where('id', '=', userId).executeTakeFirst()
      return row?.password_hash ?? null
    },

    changePassword(userId, keepSessionId, expectedHash, newHash, eventsFor) {
      return inTransaction(db, async (tx) => {
        const replaced = await tx
          .updateTable('users')
          .set({ password_hash: newHash })
          .where('id', '=', userId)
          .where('password_hash', '=', expectedHash)
          .returning('id')
          .executeTakeFirst()
        if (!replaced) return false
        const ended = await tx
          .deleteFrom('sessions')
          .where('user_id', '=', userId)
          .where('id', '<>', keepSessionId)
          .returning('id')
          .execute()
        await appendToOutbox(tx, eventsFor(ended.map(({ id }) => id)))
        return true
      })
    },

    record(event) {
      return appendToOutbox(db, [event])
    },
  } satisfies AccountStore
}
