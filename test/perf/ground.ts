import type { Pool } from 'pg'
import { type Account, fillAccounts, openPool, readAccounts } from './accounts.ts'
import { environmentFor } from './contestants.ts'
import type { Stores } from './stores.ts'

/** A filled database, and what a server on it needs. */
export interface Ground {
  pool: Pool
  /** Whom requests are made as. */
  accounts: readonly Account[]
  environment: Record<string, string>
}

/** How many users requests are made as. */
export const USERS = 10_000

/** @param size users and sessions of each; a database may hold more users than those who make requests */
export async function prepareGround(
  stores: Stores,
  name: string,
  { users, sessionsPerUser }: { users: number; sessionsPerUser: number } = { users: USERS, sessionsPerUser: 1 },
): Promise<Ground> {
  const url = await stores.createDatabase(name)
  const pool = openPool(url)
  await fillAccounts(pool, users, sessionsPerUser)
  return { pool, accounts: await readAccounts(pool, USERS), environment: environmentFor(stores, url) }
}
