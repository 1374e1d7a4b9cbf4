// npm run bench:scale: whether a service that has grown is as fast as a young one. Fills 1,000,000 users, 3,000,000
// sessions and 10,000,000 audit events, which takes some minutes. Options: --rounds, --seconds, --quick (a tenth of
// everything; prints, and does not write docs/performance.md).
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { type Account, accessToken } from './accounts.ts'
import { contestants } from './contestants.ts'
import { type Ground, prepareGround, USERS } from './ground.ts'
import { fillOutbox, fillTrail, LONG_HISTORY } from './history.ts'
import { planCores } from './machine.ts'
import { inTurns, type Measurement, measure, send } from './measure.ts'
import { describeRun, figure, goalLine, range, writeSection } from './report.ts'
import { scenarios } from './scenarios.ts'
import { type Server, startServer } from './servers.ts'
import { median, spread } from './statistics.ts'
import { startStores } from './stores.ts'

/** Pairs of processes that reads are compared with. */
const PAIRS = 4
const PAGE = 100
const PAGE_READS = 200
// An hour at 300 requests a second.
const HOUR_OF_REQUESTS = 1_080_000

const { values: options } = parseArgs({
  options: {
    // A machine that others use too may be half as fast a second later: single rounds differ by a factor of two.
    rounds: { type: 'string', default: '12' },
    seconds: { type: 'string', default: '4' },
    quick: { type: 'boolean', default: false },
  },
})
const rounds = Number(options.rounds)
const seconds = Number(options.seconds)
const share = options.quick ? 0.1 : 1

const cores = planCores()
// The data is thrown away, and it is reading that is measured.
const hasty = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off', autovacuum: 'off' }
const roomy = { shared_buffers: '2GB', maintenance_work_mem: '1GB', max_wal_size: '8GB' }
const stores = await startStores(cores?.stores, { ...hasty, ...roomy })
try {
  const small = await prepareGround(stores, 'small')
  const users = 1_000_000 * share
  const large = await prepareGround(stores, 'large', { users, sessionsPerUser: 3 })
  const reader = large.accounts[0]
  if (!reader) throw new TypeError('there are no accounts')
  const events = await fillTrail(large.pool, reader)

  const report = [
    describeRun([
      `${figure(users)} users, ${figure(users * 3)} sessions and ${figure(events)} audit events beside ${figure(USERS)} users with a session each`,
      'PostgreSQL without fsync',
    ]),
    [
      await compareReads(small, large),
      ...(await onPostgresTrail(large, async (server) => [await comparePages(server, reader), await timeRelay(large)])),
      await watchMemory(small),
    ]
      .map((line) => `- ${line}`)
      .join('\n'),
  ].join('\n\n')
  console.log(report)
  if (!options.quick) await writeSection('scale', report)
  await Promise.all([small.pool.end(), large.pool.end()])
} finally {
  await stores.stop()
}

async function compareReads(small: Ground, large: Ground): Promise<string> {
  const rates: number[][] = [[], []]
  // Two processes with the same code may differ by a tenth for as long as they live, by what was compiled when.
  for (let pair = 0; pair < PAIRS; pair++) {
    const sides: { ground: Ground; server: Server; found: number[] }[] = []
    for (const [n, ground] of [small, large].entries()) {
      const server = await start(ground.environment)
      sides.push({ ground, server, found: rates[n] ?? [] })
      await measure(scenarios.me, ground, server, { seconds, cores: cores?.load })
    }
    // As in the other benchmark: short turns, each after a moment of the same load.
    await inTurns(sides, rounds, async ({ ground, server, found }) => {
      await measure(scenarios.me, ground, server, { seconds: 1, cores: cores?.load })
      const load = { seconds: Math.ceil(seconds / 4), cores: cores?.load }
      found.push((await measure(scenarios.me, ground, server, load)).perSecond)
    })
    await Promise.all(sides.map(({ server }) => server.stop()))
  }
  const [few = [], many = []] = rates
  const ratio = spread(many.map((rate, round) => rate / (few[round] ?? Number.NaN)))
  return goalLine(
    `GET /users/me: ${figure(median(many))} a second among many users, ${figure(median(few))} among few, ratio ${figure(ratio.median)} (${range(ratio)})`,
    'at least 0.9',
    ratio.median >= 0.9,
  )
}

/** The service with its trail in PostgreSQL, which it has outside production only. */
async function onPostgresTrail(ground: Ground, work: (server: Server) => Promise<string[]>): Promise<string[]> {
  const { MONGODB_URL: _, ...environment } = ground.environment
  const server = await start({ ...environment, NODE_ENV: 'development' })
  return work(server).finally(() => server.stop())
}

async function comparePages(server: Server, reader: Account): Promise<string> {
  const read = async (cursor: string | null) => {
    const path = `/api/v1/users/me/activity?limit=${PAGE}${cursor === null ? '' : `&cursor=${cursor}`}`
    const answer = await send(server.url, { method: 'GET', path, token: accessToken(reader) })
    const { items, nextCursor } = (await answer.json()) as { items: unknown[]; nextCursor: string | null }
    return { count: items.length, nextCursor }
  }
  let deepest: string | null = null
  for (let seen = 0; ; ) {
    const { count, nextCursor } = await read(deepest)
    seen += count
    // A page that is not full would be faster for that.
    if (nextCursor === null || seen > LONG_HISTORY - PAGE) break
    deepest = nextCursor
  }
  const times: [first: number[], last: number[]] = [[], []]
  await inTurns([0, 1] as const, PAGE_READS, async (last) => {
    const startedAt = performance.now()
    await read(last === 1 ? deepest : null)
    times[last].push(performance.now() - startedAt)
  })
  const [first, last] = times.map(median) as [number, number]
  return goalLine(
    `GET /users/me/activity, ${PAGE} of ${figure(LONG_HISTORY)} events: first page ${figure(first)} ms, deepest ${figure(last)} ms, ratio ${figure(last / first)}`,
    'at most 1.2',
    last / first <= 1.2,
  )
}

async function timeRelay({ pool }: Ground): Promise<string> {
  const events = 100_000 * share
  await fillOutbox(pool, events)
  const startedAt = performance.now()
  for (let pending = events; pending > 0; await sleep(100)) {
    const { rows } = await pool.query<{ pending: number }>('select count(*)::int as pending from audit_outbox')
    pending = rows[0]?.pending ?? 0
  }
  const tookSeconds = (performance.now() - startedAt) / 1000
  return `The relay carries ${figure(events)} waiting events to the trail in PostgreSQL in ${figure(tookSeconds)} s, ${figure(events / tookSeconds)} a second.`
}

async function watchMemory(ground: Ground): Promise<string> {
  const server = await start(ground.environment)
  const found: Measurement[] = []
  const goal = HOUR_OF_REQUESTS * share
  for (let sent = 0; sent < goal; ) {
    const measurement = await measure(scenarios.me, ground, server, { seconds, cores: cores?.load })
    found.push(measurement)
    sent += measurement.perSecond * seconds
  }
  await server.stop()
  const [early, late] = [found[0]?.rssMb, found.at(-1)?.rssMb]
  return `Memory after ${figure(goal)} requests, an hour at 300 a second: ${figure(late)} MB; after the first ${seconds} s ${figure(early)} MB.`
}

function start(environment: Record<string, string>): Promise<Server> {
  return startServer(contestants.gatehouse.file, environment, { cores: cores?.server })
}
