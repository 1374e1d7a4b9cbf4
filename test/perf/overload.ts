// npm run bench:overload: ten times the logins that the service can do, for half a minute, and ten times the usual
// connections that read. Options: --seconds, --quick (prints, and does not write docs/performance.md).
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { contestants } from './contestants.ts'
import { type FloodAnswer, flood } from './flood.ts'
import { prepareGround } from './ground.ts'
import { applyLoad } from './load.ts'
import { pin, planCores, rssMb } from './machine.ts'
import { measure } from './measure.ts'
import { probe } from './probe.ts'
import { describeRun, figure, goalLine, table, writeSection } from './report.ts'
import { CONNECTIONS, scenarios } from './scenarios.ts'
import { startServer } from './servers.ts'
import { percentile } from './statistics.ts'
import { startStores } from './stores.ts'

const TIMES = 10
const REST_MS = 20_000

const { values: options } = parseArgs({
  options: { seconds: { type: 'string', default: '30' }, quick: { type: 'boolean', default: false } },
})
const seconds = options.quick ? 5 : Number(options.seconds)

const cores = planCores()
const stores = await startStores(cores?.stores)
// Whoever floods must not wait for the core of the flooded: that would be measured as well.
pin(process.pid, cores?.load)
try {
  const ground = await prepareGround(stores, 'overload')
  const { OVERLOAD_EVENT_LOOP_DELAY_MS: _, ...environment } = ground.environment
  const service = await startServer(contestants.gatehouse.file, environment, { cores: cores?.server })
  const generator = { cores: cores?.load }
  const measurePeak = () => measure(scenarios.login, ground, service, { seconds: 5, ...generator })
  const before = await measurePeak()
  const perSecond = Math.round(before.perSecond * TIMES)
  const rssBefore = rssMb(service.pid) ?? Number.NaN

  const stop = new AbortController()
  const health = probe(`${service.url}/health`, stop.signal)
  const logins = scenarios.login.requests(ground)
  const answers = await flood(service.url, logins, perSecond, seconds)
  stop.abort()
  const healthMs = percentile(await health, 99)
  await sleep(options.quick ? 2000 : REST_MS)
  const rssAfter = rssMb(service.pid) ?? Number.NaN
  // What the machine gives changes while it is measured.
  const after = await measurePeak()
  const peak = (before.perSecond + after.perSecond) / 2

  const reads = { url: service.url, requests: scenarios.me.requests(ground), seconds: 5, ...generator }
  const readPeak = await applyLoad({ ...reads, connections: CONNECTIONS })
  const readFlood = await applyLoad({ ...reads, connections: CONNECTIONS * TIMES })
  await service.stop()
  await ground.pool.end()

  const goodput = answers.filter(({ status }) => status === 200).length / seconds / peak
  const sheds = answers.filter(({ status }) => status === 503)
  const shedMs = sheds.length > 0 ? percentile(timesOf(sheds), 99) : 0
  const odd = answers.filter(({ status, retryAfter }) => status !== 200 && (status !== 503 || !retryAfter)).length
  const report = [
    describeRun([
      `${figure(perSecond)} logins a second for ${seconds} s, ${TIMES} times the peak before it`,
      ...stores.remarks,
    ]),
    table(
      ['answer', 'requests', 'p50 ms', 'p99 ms'],
      Object.entries(Object.groupBy(answers, ({ status }) => status)).map(([status, group = []]) => [
        ...[status === '0' ? 'none' : status, figure(group.length)],
        ...[percentile(timesOf(group), 50), percentile(timesOf(group), 99)].map(figure),
      ]),
    ),
    [
      goalLine(
        `Goodput: ${figure(goodput)} of the peak, ${figure(before.perSecond)} a second before and ${figure(after.perSecond)} after`,
        'at least 0.8',
        goodput >= 0.8,
      ),
      goalLine(`Answers other than 200, or 503 with Retry-After: ${odd}`, 'none', odd === 0),
      goalLine(`p99 of a 503: ${figure(shedMs)} ms`, 'under 20 ms', shedMs < 20),
      goalLine(`p99 of GET /health meanwhile: ${figure(healthMs)} ms`, 'under 100 ms', healthMs < 100),
      goalLine(
        `Memory: ${figure(rssBefore)} MB before, ${figure(rssAfter)} MB after`,
        'within 20 %',
        rssAfter <= rssBefore * 1.2,
      ),
      `Reads on ${CONNECTIONS * TIMES} connections: ${figure(readFlood.sent - readFlood.refused)} answered in ${figure(readFlood.seconds)} s, p99 ${figure(readFlood.p99Ms)} ms; on ${CONNECTIONS}: ${figure(readPeak.sent)}, p99 ${figure(readPeak.p99Ms)} ms.`,
    ]
      .map((line) => `- ${line}`)
      .join('\n'),
  ].join('\n\n')
  console.log(report)
  if (!options.quick) await writeSection('overload', report)
} finally {
  await stores.stop()
}

function timesOf(answers: readonly FloodAnswer[]): number[] {
  return answers.map(({ ms }) => ms)
}
