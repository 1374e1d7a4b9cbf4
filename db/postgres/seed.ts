import { hash } from '@node-rs/argon2'
import type { Kysely } from 'kysely'
import { newId } from '#src/ids'
import type { Database } from './schema.ts'

const BATCH = 500

/** What every seeded account is signed in with. */
export const seedPassword = 'correct horse battery staple'

/**
 * Inserts plausible accounts for development: the same ones each time, those that are there already left alone.
 * Needs the development dependencies.
 * @param onProgress told how many have been dealt with
 * @returns how many are new
 */
export async function seedAccounts(
  db: Kysely<Database>,
  count: number,
  onProgress: (done: number) => void,
): Promise<number> {
  const { faker } = await import('@faker-js/faker/locale/en')
  faker.seed(1)
  // One hash for all: ten thousand would take minutes, and show nothing more.
  const password_hash = await hash(seedPassword)
  let inserted = 0
  for (let done = 0; done < count; ) {
    const size = Math.min(BATCH, count - done)
    const rows = Array.from({ length: size }, (_, n) => {
      const [firstName, lastName] = [faker.person.firstName(), faker.person.lastName()]
      const email = `${firstName}.${lastName}.${done + n}@example.com`.replaceAll(/[^\w.@-]/g, '')
      const created_at = faker.date.past({ years: 2, refDate: '2026-01-01T00:00:00Z' })
      return {
        id: newId(),
        email,
        email_key: email.toLowerCase(),
        full_name: `${firstName} ${lastName}`,
        password_hash,
        created_at,
        updated_at: created_at,
      }
    })
    const { numInsertedOrUpdatedRows = 0n } = await db
      .insertInto('users')
      .values(rows)
      .onConflict((conflict) => conflict.column('email_key').doNothing())
      .executeTakeFirst()
    inserted += Number(numInsertedOrUpdatedRows)
    done += size
    onProgress(done)
  }
  return inserted
}
