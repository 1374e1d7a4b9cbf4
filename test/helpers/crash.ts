import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { MongoClient } from 'mongodb'
import pg from 'pg'
import { newEmail, until } from '#test/app'
import { login, type Reply, refresh, register } from '#test/calls'
import { startMongo } from '#test/mongo'
import { startCluster } from '#test/postgres'
import { startService } from '#test/service'

/** How long a crash test is. */
interface CrashPlan {
  /** Acknowledged writes, at least. */
  writes: number
  /** How often each of the service, PostgreSQL and MongoDB is killed with -9. */
  kills: number
}

/** What a crash test counts. */
interface CrashFigures {
  acknowledgedWrites: number
  /** Acknowledged writes that are not in PostgreSQL, or whose event is not in the trail. */
  lost: number
  acknowledgedRegistrations: number
  /** The fewest and the most events of success that an acknowledged registration has in the trail. */
  eventsPerRegistration: [least: number, most: number]
  /** Events of the trail that tell what another one has told. */
  duplicatesInTrail: number
  leftInOutbox: number
  kills: { service: number; postgres: number; mongodb: number }
  seconds: number
}

interface Acknowledged {
  /** User ids. */
  registrations: string[]
  /** How many refreshes of each session were acknowledged. */
  refreshes: Map<string, number>
}

const CALLERS = 16
const RETRY_MS = 100
const REFRESHES = 2
const DRAIN_TIMEOUT_MS = 30_000

/**
 * Registers, signs in and refreshes while the service, PostgreSQL and MongoDB are killed in turn; then compares what was
 * acknowledged with what is there.
 * @returns `null` where there is no MongoDB, and the test is skipped
 */
export async function crash(t: TestContext, plan: CrashPlan): Promise<CrashFigures | null> {
  const startedAt = performance.now()
  const mongo = await startMongo(t)
  if (!mongo) return null
  // As durable as in production; the server itself is killed, not its machine.
  const cluster = await startCluster(t, { flags: { fsync: 'on', synchronous_commit: 'on', full_page_writes: 'on' } })
  let service = await startService(t, {
    POSTGRES_URL: cluster.url,
    MONGODB_URL: mongo.url,
    POSTGRES_CONNECT_TIMEOUT_MS: '1000',
  })
  await service.ready()

  const { acknowledged, count, stop } = startWriters(() => service.url)
  const kill = {
    async service() {
      await service.kill()
      service = await service.restart()
    },
    async postgres() {
      // Who looks after the server starts it again.
      cluster.signal('SIGKILL')
    },
    async mongodb() {
      await mongo.kill()
      await mongo.restart()
    },
  }
  const kills = { service: 0, postgres: 0, mongodb: 0 }
  const victims = Array.from({ length: plan.kills }, () => Object.keys(kill) as (keyof typeof kill)[]).flat()
  for (const [n, victim] of victims.entries()) {
    const due = (plan.writes * (n + 1)) / (victims.length + 1)
    await until(() => count() >= due, `${due} writes are acknowledged`, 120_000)
    await kill[victim]()
    kills[victim] += 1
  }
  await until(() => count() >= plan.writes, 'all writes are acknowledged', 120_000)
  await stop()
  await service.ready()

  const figures = await compare(cluster.url, mongo.url, acknowledged)
  return { acknowledgedWrites: count(), ...figures, kills, seconds: Math.round((performance.now() - startedAt) / 1000) }
}

/** Callers that use one account after the other, and repeat what was not acknowledged. */
function startWriters(url: () => string) {
  const acknowledged: Acknowledged = { registrations: [], refreshes: new Map() }
  let writes = 0
  let stopped = false

  /** Repeats a request until it has an answer that a repetition would not change. */
  const insist = async (request: () => Promise<Reply>): Promise<Reply> => {
    for (;;) {
      const reply = await request()
      if (reply.status === 200 || reply.status === 201) writes += 1
      if ((reply.status !== 0 && reply.status !== 503) || stopped) return reply
      await sleep(RETRY_MS)
    }
  }

  const useAccount = async () => {
    const email = newEmail()
    const registered = await insist(() => register(url(), email))
    if (registered.status === 201) acknowledged.registrations.push(String(registered.body.id))
    const signedIn = await insist(() => login(url(), email))
    if (signedIn.status !== 200) return
    const session = sessionOf(String(signedIn.body.accessToken))
    acknowledged.refreshes.set(session, 0)
    let token = String(signedIn.body.refreshToken)
    for (let n = 1; n <= REFRESHES && !stopped; n++) {
      const { status, body } = await insist(() => refresh(url(), token))
      if (status !== 200) return
      acknowledged.refreshes.set(session, n)
      token = String(body.refreshToken)
    }
  }

  const running = Array.from({ length: CALLERS }, async () => {
    while (!stopped) await useAccount()
  })
  return {
    acknowledged,
    count: () => writes,
    async stop() {
      stopped = true
      await Promise.all(running)
    },
  }
}

function sessionOf(accessToken: string): string {
  const [, payload = ''] = accessToken.split('.')
  return (JSON.parse(Buffer.from(payload, 'base64url').toString()) as { sid: string }).sid
}

async function compare(postgresUrl: string, mongoUrl: string, { registrations, refreshes }: Acknowledged) {
  const client = new pg.Client(postgresUrl)
  await client.connect()
  await using mongo = new MongoClient(mongoUrl)
  try {
    const pending = async () => Number((await client.query('select count(*) from audit_outbox')).rows[0].count)
    const drained = () => pending().then((count) => count === 0)
    await until(drained, 'the outbox is drained', DRAIN_TIMEOUT_MS).catch(() => {})

    const users = new Set((await client.query<{ id: string }>('select id from users')).rows.map(({ id }) => id))
    const sessions = (await client.query<{ id: string; generation: number }>('select id, generation from sessions'))
      .rows
    const generations = new Map(sessions.map(({ id, generation }) => [id, generation]))
    const events = await mongo.db().collection('audit_events').find({ outcome: 'success' }).toArray()
    const tally = (type: string, field: 'userId' | 'sessionId' | 'correlationId') => {
      const counts = new Map<string, number>()
      for (const event of events) {
        if (event.type === type) counts.set(String(event[field]), (counts.get(String(event[field])) ?? 0) + 1)
      }
      return counts
    }
    const [registered, signedIn] = [tally('registration', 'userId'), tally('login', 'sessionId')]
    const perRegistration = registrations.map((id) => registered.get(id) ?? 0)
    const lost = [
      ...registrations.map((id) => !users.has(id) || !registered.has(id)),
      ...[...refreshes].map(([id]) => !generations.has(id) || !signedIn.has(id)),
      ...[...refreshes].map(([id, count]) => (generations.get(id) ?? 0) < count),
    ]
    // A request has one event of each type.
    const tallies = ['registration', 'login'].map((type) => tally(type, 'correlationId'))
    const repeated = tallies.flatMap((counts) => [...counts.values()]).reduce((sum, count) => sum + count - 1, 0)
    return {
      lost: lost.filter(Boolean).length,
      acknowledgedRegistrations: registrations.length,
      eventsPerRegistration: [Math.min(...perRegistration), Math.max(...perRegistration)] as [number, number],
      duplicatesInTrail: repeated,
      leftInOutbox: await pending(),
    }
  } finally {
    await client.end()
  }
}
