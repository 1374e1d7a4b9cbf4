import {
  Kysely,
  type PostgresCursor,
  PostgresDialect,
  type PostgresPool,
  type PostgresPoolClient,
  type PostgresQueryResult,
} from 'kysely'
import type pg from 'pg'
import { boundedClient } from './bounded-client.ts'
import { isServerError, isStalePlan, toAppError } from './errors.ts'
import type { Database } from './schema.ts'
import { statementName } from './statements.ts'

const SECOND = 1000

/** Limits of a pool. Durations are in milliseconds. */
interface PoolSettings {
  /** Connections per process; over all instances at most 80 % of the server's `max_connections`. */
  max: number
  connectTimeoutMs: number
  /** Gives up on the answer to a statement: longer than `statementTimeoutMs`, so that a live server speaks first. */
  queryTimeoutMs: number
  statementTimeoutMs: number
  lockTimeoutMs: number
  idleInTransactionTimeoutMs: number
  idleTimeoutMs: number
  maxLifetimeMs: number
  applicationName: string
}

const defaults: PoolSettings = {
  max: 10,
  connectTimeoutMs: SECOND,
  queryTimeoutMs: 2.5 * SECOND,
  statementTimeoutMs: 2 * SECOND,
  lockTimeoutMs: SECOND,
  idleInTransactionTimeoutMs: 5 * SECOND,
  idleTimeoutMs: 30 * SECOND,
  maxLifetimeMs: 30 * 60 * SECOND,
  applicationName: 'gatehouse',
}

/** Options of a `pg` pool on which nothing waits without a limit: the driver's own defaults wait for ever. */
export function poolOptions(url: string, settings: Partial<PoolSettings> = {}) {
  const limits = { ...defaults, ...settings }
  return {
    connectionString: url,
    max: limits.max,
    connectionTimeoutMillis: limits.connectTimeoutMs,
    Client: boundedClient(limits.queryTimeoutMs),
    statement_timeout: limits.statementTimeoutMs,
    lock_timeout: limits.lockTimeoutMs,
    idle_in_transaction_session_timeout: limits.idleInTransactionTimeoutMs,
    idleTimeoutMillis: limits.idleTimeoutMs,
    maxLifetimeSeconds: limits.maxLifetimeMs / SECOND,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10 * SECOND,
    application_name: limits.applicationName,
  } satisfies pg.PoolConfig
}

/** Has the errors of a pool's connections, idle or lent out, reported. Without that they end the process. */
export function reportErrors(pool: pg.Pool, onError: (error: Error) => void): void {
  pool.on('error', onError)
  pool.on('connect', (client) => client.on('error', onError))
}

/**
 * The pool as Kysely shall see it. Differs from the bare one in that
 * - a connection that lost touch with the server, or whose plans a migration has made wrong, answers at once with the
 *   first error (so a rollback neither waits again nor hides it) and is closed on release, where `pg` would hand it out
 *   for ever;
 * - errors of connections, idle or lent out, are reported and do not end the process;
 * - a database that is down, slow or not migrated is a `ServiceUnavailableError`;
 * - ending it is left to who made the pool.
 */
function guardPool(pool: pg.Pool, onError: (error: Error) => void = () => {}): PostgresPool {
  reportErrors(pool, onError)
  // Kysely prepares every connection that it has not seen before.
  const guarded = new WeakMap<pg.PoolClient, PostgresPoolClient>()
  return {
    options: pool.options,
    end: async () => {},
    async connect() {
      try {
        const client = await pool.connect()
        const known = guarded.get(client)
        if (known) return known
        const connection = guardClient(client)
        guarded.set(client, connection)
        return connection
      } catch (error) {
        throw toAppError(error)
      }
    },
  }
}

function guardClient(client: pg.PoolClient & { processID?: number }): PostgresPoolClient {
  let broken: unknown

  async function send<R>(text: string, parameters: readonly unknown[]): Promise<PostgresQueryResult<R>> {
    if (broken) throw broken
    try {
      const { command, rowCount, rows } = await client.query({
        name: statementName(text),
        text,
        values: [...parameters],
      })
      return { command: command as PostgresQueryResult<R>['command'], rowCount: rowCount ?? 0, rows }
    } catch (error) {
      const shown = toAppError(error)
      if (!isServerError(error) || isStalePlan(error)) broken = shown
      throw shown
    }
  }

  function query<R>(text: string, parameters: readonly unknown[]): Promise<PostgresQueryResult<R>>
  function query<R>(cursor: PostgresCursor<R>): PostgresCursor<R>
  function query<R>(
    text: string | PostgresCursor<R>,
    parameters: readonly unknown[] = [],
  ): Promise<PostgresQueryResult<R>> | PostgresCursor<R> {
    if (typeof text !== 'string') throw new TypeError('Rows are not streamed: there is no cursor driver')
    return send<R>(text, parameters)
  }

  return {
    ...(client.processID === undefined ? {} : { processID: client.processID }),
    query,
    release: (destroy) => client.release(destroy || broken !== undefined),
  }
}

/**
 * The typed query builder on a guarded pool. Never `destroy()` it: the pool is ended by who made it.
 * @param onError told of connections that broke; the statements on them fail by themselves
 */
export function createDatabase(pool: pg.Pool, onError?: (error: Error) => void): Kysely<Database> {
  return new Kysely<Database>({ dialect: new PostgresDialect({ pool: guardPool(pool, onError) }) })
}
