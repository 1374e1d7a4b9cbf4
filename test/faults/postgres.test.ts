import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { newEmail, until } from '#test/app'
import { call, login, me, type Reply, refresh, register, signUp } from '#test/calls'
import { type Cluster, migrate } from '#test/cluster'
import { startLoad } from '#test/load'
import { createEmptyDatabase, startCluster } from '#test/postgres'
import { type Service, startService } from '#test/service'

/** What PostgreSQL, when it hangs or dies, may cost a request at most. */
const LIMIT_MS = 4500
const RECOVERY_MS = 2000

test('requests while PostgreSQL hangs or is killed are refused in time, and succeed soon after its return', async (t) => {
  // What it has acknowledged must outlive a kill.
  const cluster = await startCluster(t, { flags: { synchronous_commit: 'on' } })
  const service = await startService(t, { POSTGRES_URL: cluster.url, POSTGRES_CONNECT_TIMEOUT_MS: '1000' })
  await service.ready()

  await t.test('hangs', () => breakUnderLoad(service, hang(cluster, 4600)))
  await t.test('is killed', () => breakUnderLoad(service, kill(cluster)))
  await t.test('is said to be down while it hangs, once', () => reportOutage(service, cluster))
  assert.equal(await Promise.race([service.exit, sleep(0, 'lives')]), 'lives')
})

test('requests before the migrations are through are refused as while PostgreSQL is down', async (t) => {
  const { url } = await createEmptyDatabase(t)
  const service = await startService(t, { POSTGRES_URL: url, MIGRATE_ON_START: 'false' })
  await until(async () => (await call(service.url, '/health')).status === 200, 'the database is there')
  for (const reply of [await register(service.url), await login(service.url, newEmail())]) {
    const { status, headers, body } = reply
    assert.deepEqual([status, body.name, headers.get('retry-after')], [503, 'ServiceUnavailableError', '1'])
  }
  await migrate(url)
  await service.ready()
  await signUp(service.url)
  assert.deepEqual(
    service.lines.filter(({ msg }) => msg === 'Fault'),
    [],
  )
})

interface Fault {
  begin(): void
  /** Resolves when the store is back, with the time of that by `performance.now()`. */
  back(): Promise<number>
}

function hang(cluster: Cluster, ms: number): Fault {
  return {
    begin: () => cluster.signal('SIGSTOP'),
    async back() {
      await sleep(ms)
      cluster.signal('SIGCONT')
      return performance.now()
    },
  }
}

/** The server is started again by who looks after it. */
function kill(cluster: Cluster): Fault {
  return {
    begin: () => cluster.signal('SIGKILL'),
    async back() {
      await until(() => accepts(cluster.url), 'the server is back')
      return performance.now()
    },
  }
}

async function accepts(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 500 })
  client.on('error', () => {})
  try {
    await client.connect()
    return true
  } catch {
    return false
  } finally {
    await client.end().catch(() => {})
  }
}

/** Every kind of request, from 16 callers. */
async function breakUnderLoad(service: Service, fault: Fault): Promise<void> {
  const { url } = service
  const account = await signUp(url)
  const sessions = await Promise.all(Array.from({ length: 16 }, () => signUp(url)))
  const tokens = sessions.map(({ refreshToken }) => refreshToken)
  const load = startLoad(16, 5, async (caller, turn) => {
    if (turn % 4 === 0) return register(url)
    if (turn % 4 === 1) return me(url, account.accessToken)
    if (turn % 4 === 2) return login(url, account.email)
    const reply = await refresh(url, tokens[caller] ?? '')
    if (reply.status === 200) tokens[caller] = String(reply.body.refreshToken)
    return reply
  })
  await sleep(300)
  const begunAt = performance.now()
  fault.begin()
  const backAt = await fault.back()
  await until(() => load.replies.some((reply) => succeeded(reply) && reply.startedAt > backAt), 'a request succeeds')
  const replies = await load.stop()

  const served = replies.filter(({ startedAt, ms }) => startedAt + ms < begunAt)
  assert.ok(served.length > 16 && served.every(succeeded), 'the load is served before the fault')
  const refused = replies.filter((reply) => !succeeded(reply))
  assert.ok(refused.length > 0)
  for (const { status, headers, body } of refused) {
    assert.deepEqual([status, body.name, body.success], [503, 'ServiceUnavailableError', false])
    assert.match(headers.get('retry-after') ?? '', /^[1-9]\d*$/)
  }
  const slowest = Math.max(...replies.map(({ ms }) => ms))
  assert.ok(slowest < LIMIT_MS, `a request took ${slowest} ms`)
  const first = Math.min(
    ...replies
      .filter(succeeded)
      .map(({ startedAt, ms }) => startedAt + ms - backAt)
      .filter((ms) => ms > 0),
  )
  assert.ok(first < RECOVERY_MS, `the first success came after ${first} ms`)
}

function succeeded({ status }: Reply): boolean {
  return status >= 200 && status < 300
}

async function reportOutage(service: Service, cluster: Cluster): Promise<void> {
  const { url, lines } = service
  await until(async () => (await call(url, '/health')).status === 200, 'it is healthy')
  const seen = lines.length
  const messages = () =>
    lines.slice(seen).filter(({ dependency, msg }) => dependency === 'postgres' && !/retry$/.test(msg ?? ''))
  cluster.signal('SIGSTOP')
  await until(async () => (await call(url, '/health/ready')).status === 503, 'it is not ready', 2500)
  const { status, body, ms } = await call(url, '/health')
  assert.deepEqual([status, body.status], [503, 'unhealthy'])
  assert.deepEqual((body.checks as Record<string, unknown>).postgres, { required: true, error: 'timeout' })
  assert.ok(ms < 1000, `the health check took ${ms} ms`)
  assert.equal((await call(url, '/health/live')).status, 200)
  cluster.signal('SIGCONT')
  await service.ready(RECOVERY_MS)
  // An answer may overtake the line that was logged before it.
  await until(() => messages().length > 1, 'the recovery is logged')
  assert.deepEqual(
    messages().map(({ level, msg }) => [level, msg]),
    [
      [50, 'PostgreSQL health check failed'],
      [30, 'PostgreSQL recovered'],
    ],
  )
}
