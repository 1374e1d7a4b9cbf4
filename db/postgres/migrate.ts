import fs from 'node:fs/promises'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { Kysely, PostgresDialect } from 'kysely'
import { FileMigrationProvider, type MigrationResultSet, Migrator } from 'kysely/migration'
import pg from 'pg'
import { toAppError } from './errors.ts'

const CONNECT_TIMEOUT_MS = 5000

/** The database's schema: compared with what the code needs, and changed. */
interface Migrations {
  /** Applies what is pending, after any other process that is at it. Returns the names, in order. */
  up(): Promise<string[]>
  /** Takes back the newest migration. Returns its name, or `null` where there is none. */
  down(): Promise<string | null>
  /** What the code knows and the database lacks, and the reverse: a newer release was here. */
  status(): Promise<{ pending: string[]; unknown: string[] }>
}

/**
 * The migrations of the folder beside this file. They run on a connection of their own, since the time limits of a
 * request's connection would cut them short.
 * @param pool where `status` is read, and whose address the migrations use
 */
export function createMigrations(pool: pg.Pool): Migrations {
  const provider = new FileMigrationProvider({
    fs,
    path,
    migrationFolder: path.join(import.meta.dirname, 'migrations'),
    // An import takes a URL: a path with a `%` or `#` in it is not one.
    import: (file) => import(pathToFileURL(file).href),
  })

  const status = async () => {
    const known = Object.keys(await provider.getMigrations()).sort()
    const applied = await appliedMigrations(pool)
    return {
      pending: known.filter((name) => !applied.includes(name)),
      unknown: applied.filter((name) => !known.includes(name)),
    }
  }

  const run = async (change: (migrator: Migrator) => Promise<MigrationResultSet>): Promise<string[]> => {
    const { unknown } = await status()
    if (unknown.length > 0) throw new Error(`The database is newer than this release: it has ${unknown.join(', ')}`)
    const own = new pg.Pool(unlimited(pool))
    // A query fails by itself when its connection does; without a listener the process would end too.
    own.on('error', () => {})
    own.on('connect', (client) => client.on('error', () => {}))
    try {
      const db = new Kysely<never>({ dialect: new PostgresDialect({ pool: own }) })
      // Two branches may add migrations at the same time and be released in either order.
      return namesOf(await change(new Migrator({ db, provider, allowUnorderedMigrations: true })))
    } finally {
      await own.end()
    }
  }

  return {
    status,
    up: () => run((migrator) => migrator.migrateToLatest()),
    down: async () => (await run((migrator) => migrator.migrateDown()))[0] ?? null,
  }
}

async function appliedMigrations(pool: pg.Pool): Promise<string[]> {
  try {
    const { rows: tables } = await pool.query<{ name: string | null }>("select to_regclass('kysely_migration') as name")
    if (tables[0]?.name == null) return []
    const { rows } = await pool.query<{ name: string }>('select name from kysely_migration order by name')
    return rows.map(({ name }) => name)
  } catch (error) {
    throw toAppError(error)
  }
}

/** The same server and database, one connection, and as much time as a migration takes. */
function unlimited({ options }: pg.Pool): pg.PoolConfig {
  return {
    ...options,
    // Not enumerable in the options of a pool.
    ...(options.password === undefined ? {} : { password: options.password }),
    max: 1,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    Client: pg.Client,
    statement_timeout: 0,
    lock_timeout: 0,
    idle_in_transaction_session_timeout: 0,
    // Roles may have limits of their own.
    options: '-c statement_timeout=0 -c lock_timeout=0 -c idle_in_transaction_session_timeout=0',
    application_name: 'gatehouse-migrations',
  }
}

function namesOf({ error, results = [] }: MigrationResultSet): string[] {
  if (error !== undefined) {
    const failed = results.find(({ status }) => status === 'Error')
    const reason = error instanceof Error ? error.message : String(error)
    throw new Error(failed ? `Migration ${failed.migrationName} failed: ${reason}` : reason, { cause: error })
  }
  return results.map(({ migrationName }) => migrationName)
}
