import { type Kysely, sql, type Transaction } from 'kysely'
import { AppError } from '#src/errors'
import type { IdempotencyClaim, IdempotencyStore, Idempotent, StoredAnswer } from '#src/idempotency'
import type { Database } from './schema.ts'

/** How long an answer is given again. */
const KEPT = sql<Date>`now() + interval '24 hours'`

/** Answers to requests under an `Idempotency-Key`, in PostgreSQL. */
export function createIdempotencyStore(db: Kysely<Database>) {
  return {
    async find({ scope, key, caller }) {
      const row = await db
        .selectFrom('idempotency_keys')
        .select(['request_hmac', 'response'])
        .where('scope', '=', scope)
        .where('key', '=', key)
        .where('caller', '=', caller)
        .where('expires_at', '>', sql<Date>`now()`)
        .executeTakeFirst()
      return row ? { requestHmac: row.request_hmac, answer: row.response as unknown as StoredAnswer } : null
    },
  } satisfies IdempotencyStore
}

/**
 * Takes a claim for the transaction, in which a twin of the request then waits for the outcome of this one.
 * @throws AppError `IdempotencyConflictError` when the twin was faster
 */
export async function claimIdempotency(tx: Transaction<Database>, claim: IdempotencyClaim): Promise<void> {
  const fields = { request_hmac: claim.requestHmac, response: null, expires_at: KEPT }
  const taken = await tx
    .insertInto('idempotency_keys')
    .values({ scope: claim.scope, key: claim.key, caller: claim.caller, ...fields })
    .onConflict((conflict) =>
      conflict
        .columns(['scope', 'key', 'caller'])
        .doUpdateSet(fields)
        .where('idempotency_keys.expires_at', '<=', sql<Date>`now()`),
    )
    .returning('key')
    .executeTakeFirst()
  if (!taken) {
    throw new AppError('IdempotencyConflictError', 'The first request with this Idempotency-Key is still running')
  }
}

/** Ends a claim with the answer to the effect, or gives it up where there was none. */
export async function settleIdempotency<Result>(
  tx: Transaction<Database>,
  { claim, answerOf }: Idempotent<Result>,
  result: Result | null,
): Promise<void> {
  const { scope, key, caller } = claim
  if (result === null) {
    await tx
      .deleteFrom('idempotency_keys')
      .where('scope', '=', scope)
      .where('key', '=', key)
      .where('caller', '=', caller)
      .execute()
    return
  }
  const answer = answerOf(result)
  await tx
    .updateTable('idempotency_keys')
    .set({ response: { ...answer } })
    .where('scope', '=', scope)
    .where('key', '=', key)
    .where('caller', '=', caller)
    .execute()
}
