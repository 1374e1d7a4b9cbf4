import fastifyPostgres from '@fastify/postgres'
import fp from 'fastify-plugin'
import type { Kysely } from 'kysely'
import type { Pool } from 'pg'
import { createDatabase, type Database, poolOptions, startEmbeddedPostgres } from '#db/postgres'

declare module 'fastify' {
  interface FastifyInstance {
    /** Queries of requests. */
    db: Kysely<Database>
    /** Queries of probes and background tasks: a rush of requests must not make the service look dead. */
    backgroundDb: Kysely<Database>
    /** The connections of `backgroundDb`. */
    backgroundPool: Pool
  }
}

// The relay holds one while it waits for the trail; the purge and the probes share the others.
const BACKGROUND_CONNECTIONS = 3
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
    await app.register(fastifyPostgres, {
      ...poolOptions(url, { ...settings, max: BACKGROUND_CONNECTIONS }),
      name: 'background',
    })
    const background = app.pg.background
    if (!background) throw new TypeError('the background pool was not registered')

    const lost = (err: Error) => log.debug({ err }, 'PostgreSQL connection lost')
    app.decorate('db', createDatabase(app.pg.pool, lost))
    app.decorate('backgroundPool', background.pool)
    app.decorate('backgroundDb', createDatabase(background.pool, lost))

    app.dependencies.add({
      name: 'postgres',
      label: 'PostgreSQL',
      required: true,
      ping: () => background.pool.query(PING),
    })
  },
  { name: 'postgres', dependencies: ['dependencies'] },
)
