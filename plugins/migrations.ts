import { setTimeout as sleep } from 'node:timers/promises'
import fp from 'fastify-plugin'
import { createMigrations } from '#db/postgres'
import { AppError } from '#src/errors'
import { newId } from '#src/ids'

/** How the database's schema compares with the one this code needs. */
type SchemaState = 'unknown' | 'current' | 'pending' | 'newer'

declare module 'fastify' {
  interface FastifyInstance {
    schema: { readonly state: SchemaState }
  }
}

const LOOK_MS = 2000

/** Brings the database's schema up to date where that is wanted, and keeps an eye on it where it is not. */
export default fp(
  async (app) => {
    const migrations = createMigrations(app.backgroundPool)
    let state: SchemaState = 'unknown'
    app.decorate('schema', {
      get state() {
        return state
      },
    })

    const look = async () => {
      const { pending, unknown } = await migrations.status()
      const next = unknown.length > 0 ? 'newer' : pending.length > 0 ? 'pending' : 'current'
      if (next === state) return
      state = next
      if (state === 'newer') app.log.error({ migrations: unknown }, 'The database is newer than this release')
      else if (state === 'pending') app.log.warn({ migrations: pending }, 'Migrations are pending')
      else app.log.info('The database schema is current')
    }

    const step = async () => {
      await look()
      if (state !== 'pending' || !app.config.MIGRATE_ON_START) return
      const applied = await migrations.up()
      app.log.info({ migrations: applied }, 'Migrations applied')
      await look()
    }

    app.backgroundTasks.run('migrations', newId(), async (signal) => {
      let waits = app.backoff(false)
      while (!signal.aborted) {
        let waitMs = app.config.RETRY_MIN_MS
        if (app.dependencies.states.get('postgres')?.healthy) {
          try {
            await step()
            waits = app.backoff(false)
            waitMs = LOOK_MS
          } catch (err) {
            waitMs = Math.min(waits.next(), LOOK_MS)
            // A database that is away is reported by who watches it.
            const away = err instanceof AppError && err.name === 'ServiceUnavailableError'
            app.log[away ? 'debug' : 'error']({ err, waitMs }, 'Looking at the migrations failed')
          }
        }
        await sleep(waitMs, undefined, { signal }).catch(() => {})
      }
    })
  },
  { name: 'migrations', dependencies: ['backoff', 'background-tasks', 'postgres'] },
)
