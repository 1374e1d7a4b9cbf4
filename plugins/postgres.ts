import fastifyPostgres from '@fastify/postgres'
import fp from 'fastify-plugin'
import type { Kysely } from 'kysely'
import type { Pool } from 'pg'
import { createDatabase, type Database, poolOptions, reportErrors, startEmbeddedPostgres } from '#db/postgres'

declare module 'fastify' {
  interface FastifyInstance {
    /** Queries of requests. */
    db: Kysely<Database>
    /** Queries of background tasks. */
    backgroundDb: Kysely<Database>
    /** The connections of `backgroundDb`. */
    backgroundPool: Pool
  }
}

// The relay holds one while it waits for the trail; the purge and the metrics share the others.
const BACKGROUND_CONNECTIONS = 3
// Always open, since it is used every second: to open one takes four answers, and a ping has time for one slow one.
const PROBE_CONNECTIONS = 1
/** How much longer than the server we wait for its answer, so that a live server speaks first. */
const ANSWER_MS = 500
// Whoever asked has given up by then; the connection is given back.
const PING = { text: 'select 1', query_timeout: 1000 }

/** The connection to PostgreSQL, the system of record. */
export default fp(
  async (app) => {
    const { config } = app
    const log = app.log.child({ dependency: 'postgres' })
    const embedded =
      config.POSTGRES_URL === undefined ? await startEmbeddedPostgres({ dataDir: config.DATA_DIR, log }) : undefined
    const url = config.POSTGRES_URL ?? embedded?.url ?? ''

    // Runs after the hooks of the pools, which are added later.
    app.addHook('onClose', async () => {
      await embedded?.stop()
      log.info('PostgreSQL connection closed')
    })
    const settings = {
      connectTimeoutMs: config.POSTGRES_CONNECT_TIMEOUT_MS,
      statementTimeoutMs: config.POSTGRES_STATEMENT_TIMEOUT_MS,
      queryTimeoutMs: config.POSTGRES_STATEMENT_TIMEOUT_MS + ANSWER_MS,
      lockTimeoutMs: config.POSTGRES_LOCK_TIMEOUT_MS,
    }
    await app.register(fastifyPostgres, poolOptions(url, { ...settings, max: config.POSTGRES_POOL_MAX }))
    for (const [name, max] of Object.entries({ background: BACKGROUND_CONNECTIONS, probe: PROBE_CONNECTIONS })) {
      await app.register(fastifyPostgres, { ...poolOptions(url, { ...settings, max }), name })
    }
    const { background, probe } = app.pg
    if (!background || !probe) throw new TypeError('a pool was not registered')

    const lost = (err: Error) => log.debug({ err }, 'PostgreSQL connection lost')
    app.decorate('db', createDatabase(app.pg.pool, lost))
    app.decorate('backgroundPool', background.pool)
    app.decorate('backgroundDb', createDatabase(background.pool, lost))
    reportErrors(probe.pool, lost)

    app.dependencies.add({
      name: 'postgres',
      label: 'PostgreSQL',
      required: true,
      // Neither a rush of requests nor a slow background task makes the service look dead.
      ping: () => probe.pool.query(PING),
    })
  },
  { name: 'postgres', dependencies: ['dependencies'] },
)
