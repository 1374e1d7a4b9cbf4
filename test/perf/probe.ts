import { once } from 'node:events'
import path from 'node:path'
import { spawnTied } from '#test/processes'
import type { Ground } from './ground.ts'
import { runsFirst } from './machine.ts'
import { measure } from './measure.ts'
import { figure, goalLine, range } from './report.ts'
import { scenarios } from './scenarios.ts'
import type { Server } from './servers.ts'
import { median, percentile, spread } from './statistics.ts'

/** How many times its idle p99 a cheap endpoint may take while logins saturate. */
const GOAL = 3

interface Length {
  rounds: number
  seconds: number
}

/**
 * Asks for a path a hundred times a second, on a connection of its own, until the signal. It has a process to itself,
 * which goes before all others: what keeps the asker waiting is not to be measured.
 * @returns how long each answer took, in milliseconds
 */
export async function probe(url: string, signal: AbortSignal): Promise<number[]> {
  const program = [path.join(import.meta.dirname, 'prober.ts'), url]
  const prober = spawnTied(...runsFirst(process.execPath, program), { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  signal.addEventListener('abort', () => prober.send('stop'), { once: true })
  const [times] = await Promise.race([
    once(prober, 'message'),
    once(prober, 'exit').then(() => Promise.reject(new Error('the prober has given up'))),
  ])
  return times
}

/**
 * The response time of a cheap endpoint while logins keep all cores busy, against that of an idle service.
 * @returns the finding, a sentence
 */
export async function probeUnderLogins(service: Server, ground: Ground, { rounds, seconds }: Length): Promise<string> {
  const url = `${service.url}/health/live`
  const found: { idleMs: number; busyMs: number }[] = []
  while (found.length < rounds) {
    const idle = await probe(url, AbortSignal.timeout(seconds * 1000))
    const stop = new AbortController()
    const busy = probe(url, stop.signal)
    await measure(scenarios.login, ground, service, { seconds, cores: undefined })
    stop.abort()
    found.push({ idleMs: percentile(idle, 99), busyMs: percentile(await busy, 99) })
  }
  const idleMs = median(found.map((one) => one.idleMs))
  const busyMs = median(found.map((one) => one.busyMs))
  const ratio = spread(found.map((one) => one.busyMs / one.idleMs))
  const times = `${figure(ratio.median)} times (${range(ratio)})`
  return goalLine(
    `p99 of GET /health/live: ${figure(idleMs)} ms idle, ${figure(busyMs)} ms while logins saturate, ${times}`,
    `at most ${GOAL}`,
    ratio.median <= GOAL,
  )
}
