import { setTimeout as sleep } from 'node:timers/promises'
import type { Kysely, Transaction } from 'kysely'
import { isTransient } from './errors.ts'
import type { Database } from './schema.ts'

const MAX_ATTEMPTS = 3

/** Spreads transactions that ran into each other, so that they do not do it again at once. */
const MAX_PAUSE_MS = 25

/**
 * Runs `work` in one transaction, up to three times when it loses against another one, so `work` must do nothing
 * outside the database. To refuse something and still keep what was written, return the refusal and throw it
 * afterwards: a throw rolls everything back.
 * @throws ServiceUnavailableError when the database is down or slow, or the third attempt lost too
 */
export function inTransaction<T>(
  db: Kysely<Database>,
  work: (transaction: Transaction<Database>) => Promise<T>,
): Promise<T> {
  return retried(() => db.transaction().execute(work))
}

/** Runs an atomic unit of work, such as a single statement, as `inTransaction` runs a transaction. */
export async function retried<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work()
    } catch (error) {
      if (attempt === MAX_ATTEMPTS || !isTransient(error)) throw error
    }
    await sleep(Math.random() * MAX_PAUSE_MS)
  }
}
