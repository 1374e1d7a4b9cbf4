import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { suite, type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { createMongoClient, createMongoTrail } from '#db/mongo'
import { createDatabase as createKysely, createPostgresTrail, poolOptions } from '#db/postgres'
import type { AuditTrail } from '#src/audit'
import { AppError } from '#src/errors'
import { newAuditEvent } from '#test/audit-events'
import { migrate } from '#test/cluster'
import { createMongoDatabase, startMongo } from '#test/mongo'
import { createDatabase, startCluster } from '#test/postgres'

const RETENTION_DAYS = 30
const DAY_MS = 24 * 60 * 60 * 1000

/** What a trail stands on, and how to break it. */
interface Breakable {
  trail: AuditTrail
  signal(name: NodeJS.Signals): void
}

/** Each way to keep the trail; `null` where its server is not installed, and the test is skipped. */
interface Implementation {
  open(t: TestContext): Promise<AuditTrail | null>
  openBreakable(t: TestContext): Promise<Breakable | null>
}

const implementations: Record<string, Implementation> = {
  PostgreSQL: {
    async open(t) {
      return postgresTrail(t, (await createDatabase(t)).url)
    },
    async openBreakable(t) {
      const { url, signal } = await startCluster(t)
      await migrate(url)
      return { trail: postgresTrail(t, url), signal }
    },
  },
  MongoDB: {
    async open(t) {
      const database = await createMongoDatabase(t)
      return database && mongoTrail(t, database.url)
    },
    async openBreakable(t) {
      const server = await startMongo(t)
      return server && { trail: mongoTrail(t, server.url), signal: server.signal }
    },
  },
}

function postgresTrail(t: TestContext, url: string): AuditTrail {
  const pool = new pg.Pool(poolOptions(url))
  t.after(() => pool.end())
  return createPostgresTrail(createKysely(pool), RETENTION_DAYS)
}

function mongoTrail(t: TestContext, url: string): AuditTrail {
  const client = createMongoClient(url)
  t.after(() => client.close())
  return createMongoTrail(client.db(), RETENTION_DAYS)
}

const unavailable = (error: unknown) => error instanceof AppError && error.name === 'ServiceUnavailableError'
const all = { beforeId: null, type: null, limit: 100 } as const

for (const [name, { open, openBreakable }] of Object.entries(implementations)) {
  suite(`the trail in ${name}`, () => {
    test('gives events back as they were, newest first, and to their user only', async (t) => {
      const trail = await open(t)
      if (!trail) return
      const userId = randomUUID()
      const events = [
        newAuditEvent({ userId, details: { reason: 'password', fields: ['email'], count: 2, first: true } }),
        newAuditEvent({ userId, sessionId: randomUUID(), ip: null, userAgent: null }),
        newAuditEvent({ userId, outcome: 'failure', type: 'password_change' }),
      ]
      await trail.append([...events, newAuditEvent(), newAuditEvent({ userId: null })])
      assert.deepEqual(await trail.page(userId, all), events.toReversed())
      assert.deepEqual(await trail.page(randomUUID(), all), [])
    })

    test('keeps an event once, however often and with whatever others it arrives', async (t) => {
      const trail = await open(t)
      if (!trail) return
      const userId = randomUUID()
      const [first, second, third] = Array.from({ length: 3 }, () => newAuditEvent({ userId }))
      assert.ok(first && second && third)
      await trail.append([second])
      await trail.append([second])
      await trail.append([{ ...second, details: { changed: true } }, first, third, third])
      await trail.append([])
      assert.deepEqual(await trail.page(userId, all), [third, second, first])
    })

    test('turns pages without a gap or a repetition while events come in, for one type or all', async (t) => {
      const trail = await open(t)
      if (!trail) return
      const userId = randomUUID()
      const types = ['login', 'logout'] as const
      const events = Array.from({ length: 10 }, (_, n) => newAuditEvent({ userId, type: types[n % 2] ?? 'login' }))
      await trail.append(events)

      for (const type of [null, 'logout'] as const) {
        const seen: string[] = []
        for (let beforeId: string | null = null; ; ) {
          const page = await trail.page(userId, { beforeId, type, limit: 3 })
          await trail.append([newAuditEvent({ userId, type: 'logout' })])
          seen.push(...page.map(({ id }) => id))
          beforeId = page.at(-1)?.id ?? null
          if (page.length < 3) break
        }
        const expected = events.filter((event) => type === null || event.type === type).map(({ id }) => id)
        assert.deepEqual(seen.filter((id) => events.some((event) => event.id === id)).toReversed(), expected)
        assert.equal(new Set(seen).size, seen.length)
      }
    })

    test('is unavailable in bounded time while its server hangs or is gone, and then again available', async (t) => {
      const broken = await openBreakable(t)
      if (!broken) return
      const { trail, signal } = broken
      const userId = randomUUID()
      await trail.append([newAuditEvent({ userId })])
      for (const fault of ['SIGSTOP', 'SIGKILL'] as const) {
        signal(fault)
        await sleep(50)
        const startedAt = performance.now()
        const refused = [trail.page(userId, all), trail.append([newAuditEvent({ userId })])]
        await Promise.all(refused.map((work) => assert.rejects(work, unavailable)))
        const ms = performance.now() - startedAt
        assert.ok(ms < 4500, `${fault}: it took ${ms} ms`)
        if (fault === 'SIGKILL') continue
        signal('SIGCONT')
        assert.equal((await withPatience(() => trail.page(userId, all))).at(-1)?.userId, userId)
      }
    })
  })
}

test('the trail in PostgreSQL removes what is past its retention, and nothing else', async (t) => {
  const trail = postgresTrail(t, (await createDatabase(t)).url)
  const userId = randomUUID()
  const aged = (days: number) => newAuditEvent({ userId, occurredAt: new Date(Date.now() - days * DAY_MS) })
  const [older, old, young] = [aged(RETENTION_DAYS * 2), aged(RETENTION_DAYS + 0.1), aged(RETENTION_DAYS - 0.1)]
  await trail.append([older, old, young])
  assert.equal(await trail.purge(), 2)
  assert.deepEqual(await trail.page(userId, all), [young])
})

test('the trail in MongoDB leaves retention to an index, which follows the configuration', async (t) => {
  const database = await createMongoDatabase(t)
  if (!database) return
  const client = createMongoClient(database.url)
  t.after(() => client.close())
  const expiry = async () => {
    const indexes = await client.db().collection('audit_events').listIndexes().toArray()
    return indexes.filter(({ expireAfterSeconds }) => expireAfterSeconds !== undefined)
  }
  for (const days of [RETENTION_DAYS, 400, 400]) {
    await createMongoTrail(client.db(), days).append([newAuditEvent()])
    const [index, ...others] = await expiry()
    assert.deepEqual([index?.key, index?.expireAfterSeconds], [{ occurredAt: 1 }, days * 24 * 60 * 60])
    assert.deepEqual(others, [])
  }
})

/** What recovers does so within two seconds. */
async function withPatience<T>(read: () => Promise<T>): Promise<T> {
  const deadline = performance.now() + 2000
  for (;;) {
    try {
      return await read()
    } catch (error) {
      if (!unavailable(error) || performance.now() > deadline) throw error
      await sleep(50)
    }
  }
}
