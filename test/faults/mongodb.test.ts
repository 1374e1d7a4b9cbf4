import assert from 'node:assert/strict'
import { test } from 'node:test'
import { until } from '#test/app'
import { call, login, me, metric, type Reply, refresh, register, signUp } from '#test/calls'
import { median } from '#test/load'
import { startMongo } from '#test/mongo'
import { createDatabase } from '#test/postgres'
import { type Service, startService } from '#test/service'

/** What a trail that hangs or is gone may cost a request that does not read it, at the median. */
const LIMIT_MS = 10
const ROUNDS = 30

test('while MongoDB hangs or is gone, events wait and requests do not', async (t) => {
  const mongo = await startMongo(t)
  if (!mongo) return
  const service = await startService(t, { POSTGRES_URL: (await createDatabase(t)).url, MONGODB_URL: mongo.url })
  await service.ready()
  await until(async () => (await health(service)) === 'healthy', 'it is healthy')
  const account = await signUp(service.url)
  await round(service, account)

  await t.test('hung', () =>
    breakTrail(service, account, { begin: () => mongo.signal('SIGSTOP'), end: async () => mongo.signal('SIGCONT') }),
  )
  await t.test('killed', () => breakTrail(service, account, { begin: () => mongo.kill(), end: () => mongo.restart() }))
})

type Account = Awaited<ReturnType<typeof signUp>>

async function breakTrail(
  service: Service,
  account: Account,
  fault: { begin(): void | Promise<void>; end(): Promise<void> },
): Promise<void> {
  const { url } = service
  const relayed = () => until(async () => (await metric(url, 'audit_outbox_pending')) === 0, 'the outbox is empty')
  await relayed()
  const recorded = await activity(service, account)
  const before = await measure(service, account)
  await relayed()

  await fault.begin()
  const during = await measure(service, account)
  for (const [kind, ms] of Object.entries(during)) {
    const was = before[kind] ?? 0
    assert.ok(ms - was <= LIMIT_MS, `${kind}: ${was} ms became ${ms} ms`)
  }
  await until(async () => (await health(service)) === 'unhealthy', 'the fault is seen')
  assert.ok((await metric(url, 'audit_outbox_pending')) >= ROUNDS, 'events wait in the outbox')
  assert.ok((await metric(url, 'audit_outbox_oldest_seconds')) > 0)
  const refused = await readActivity(service, account)
  assert.deepEqual([refused.status, refused.body.name], [503, 'ServiceUnavailableError'])
  assert.match(refused.headers.get('retry-after') ?? '', /^[1-9]\d*$/)
  assert.ok(refused.ms < 4500, `the refusal took ${refused.ms} ms`)

  await fault.end()
  await relayed()
  assert.equal(await metric(url, 'audit_outbox_oldest_seconds'), 0)
  await until(async () => (await health(service)) === 'healthy', 'it is healthy')
  // Two measurements, and a login in each round of them: every event is there, and once.
  assert.equal(await activity(service, account), recorded + 2 * ROUNDS)
}

/** The median time of each kind of request that does not read the trail. */
async function measure(service: Service, account: Account): Promise<Record<string, number>> {
  const rounds: Record<string, number>[] = []
  for (let n = 0; n < ROUNDS; n++) rounds.push(await round(service, account))
  const kinds = Object.keys(rounds[0] ?? {})
  return Object.fromEntries(kinds.map((kind) => [kind, median(rounds.map((round) => round[kind] ?? 0))]))
}

async function round({ url }: Service, account: Account): Promise<Record<string, number>> {
  const signedIn = await login(url, account.email)
  const replies: Record<string, Reply> = {
    login: signedIn,
    register: await register(url),
    refresh: await refresh(url, String(signedIn.body.refreshToken)),
    me: await me(url, account.accessToken),
  }
  return Object.fromEntries(
    Object.entries(replies).map(([kind, { status, ms }]) => {
      assert.ok(status < 300, `${kind}: ${status}`)
      return [kind, ms]
    }),
  )
}

async function health({ url }: Service): Promise<string | undefined> {
  const { status, body } = await call(url, '/health')
  assert.equal(status, 200)
  return (body.services as Record<string, string>).mongodb
}

function readActivity({ url }: Service, { accessToken }: Account, cursor?: string): Promise<Reply> {
  const query = new URLSearchParams({ limit: '100', type: 'login', ...(cursor ? { cursor } : {}) })
  return call(url, `/api/v1/users/me/activity?${query}`, { token: accessToken })
}

/** How many logins the trail knows of; fails where one is there twice. */
async function activity(service: Service, account: Account): Promise<number> {
  const ids: string[] = []
  for (let cursor: string | undefined; ; ) {
    const { status, body } = await readActivity(service, account, cursor)
    assert.equal(status, 200)
    ids.push(...(body.items as { id: string }[]).map(({ id }) => id))
    if (body.nextCursor === null) break
    cursor = String(body.nextCursor)
  }
  assert.equal(new Set(ids).size, ids.length)
  return ids.length
}
