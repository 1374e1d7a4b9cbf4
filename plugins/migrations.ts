import { setTimeout as sleep } from 'node:timers/promises'
import fp from 'fastify-plugin'
import { createMigrations } from '#db/postgres'
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
      while (!signal.aborted) {
        const healthy = app.dependencies.states.get('postgres')?.healthy === true
        if (healthy) await step().catch((err: unknown) => app.log.error({ err }, 'Looking at the migrations failed'))
        const settled = healthy && state === 'current'
        await sleep(settled ? LOOK_MS : app.config.RETRY_MIN_MS, undefined, { signal }).catch(() => {})
      }
    })
  },
  { name: 'migrations', dependencies: ['postgres', 'background-tasks'] },
)
