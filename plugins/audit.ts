import { setTimeout as sleep } from 'node:timers/promises'
import fp from 'fastify-plugin'
import { createMongoTrail } from '#db/mongo'
import { createAuditOutbox, createPostgresTrail, purgeExpired } from '#db/postgres'
import { type AuditReader, createAuditReader, runRelay } from '#src/audit'
import { newId } from '#src/ids'

declare module 'fastify' {
  interface FastifyInstance {
    audit: AuditReader
  }
}

const PURGE_MS = 10 * 60 * 1000

/** The audit trail: its relay, its reader, and the purge of what is past its time. */
export default fp(
  async (app) => {
    const { config, instruments, backgroundTasks } = app
    const outbox = createAuditOutbox(app.backgroundDb, app.backgroundPool)
    const database = app.hasDecorator('mongo') ? app.mongo.client.db() : null
    const trail = database
      ? createMongoTrail(database, config.AUDIT_RETENTION_DAYS)
      : createPostgresTrail(app.db, config.AUDIT_RETENTION_DAYS)

    app.decorate('audit', createAuditReader(trail, app.cursors))
    instruments.auditBacklog(() => outbox.backlog())

    const log = app.log.child({ task: 'audit relay' })
    const relay = { outbox, trail, backoff: app.backoff, log, onRelayed: instruments.auditEventsRelayed }
    backgroundTasks.run('audit relay', newId(), async (signal) => {
      await schemaIsCurrent(signal)
      await runRelay(relay, signal)
    })

    backgroundTasks.run('purge', newId(), async (signal) => {
      await schemaIsCurrent(signal)
      while (!signal.aborted) {
        try {
          const purged = { ...(await purgeExpired(app.backgroundDb)), auditEvents: await trail.purge() }
          app.log.debug(purged, 'Expired records purged')
        } catch (err) {
          app.log.warn({ err }, 'The purge failed and is tried again later')
        }
        await sleep(PURGE_MS, undefined, { signal, ref: false }).catch(() => {})
      }
    })

    async function schemaIsCurrent(signal: AbortSignal): Promise<void> {
      while (!signal.aborted && app.schema.state !== 'current') {
        await sleep(config.RETRY_MIN_MS, undefined, { signal, ref: false }).catch(() => {})
      }
    }
  },
  { name: 'audit', dependencies: ['accounts', 'backoff', 'metrics', 'migrations', 'mongodb', 'postgres'] },
)
