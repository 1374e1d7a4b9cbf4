import { once } from 'node:events'
import path from 'node:path'
import { Worker } from 'node:worker_threads'
import type { Ground } from './ground.ts'
import { measure } from './measure.ts'
import { figure, goalLine } from './report.ts'
import { scenarios } from './scenarios.ts'
import type { Server } from './servers.ts'
import { percentile } from './statistics.ts'

/** How many times its idle p99 a cheap endpoint may take while logins saturate. */
const GOAL = 3

/**
 * Asks for a path a hundred times a second, on a connection of its own, until the signal. It has a thread to itself: what
 * this process does meanwhile is not to be measured.
 * @returns how long each answer took, in milliseconds
 */
export async function probe(url: string, signal: AbortSignal): Promise<number[]> {
  const prober = new Worker(path.join(import.meta.dirname, 'prober.ts'), { workerData: url })
  const answered = once(prober, 'message')
  signal.addEventListener('abort', () => prober.postMessage('stop'), { once: true })
  const [times] = await answered
  return times
}

/**
 * The response time of a cheap endpoint while logins keep all cores busy, against that of an idle service.
 * @returns the finding, a sentence
 */
export async function probeUnderLogins(service: Server, ground: Ground, seconds: number): Promise<string> {
  const url = `${service.url}/health/live`
  const idle = await probe(url, AbortSignal.timeout(seconds * 1000))
  const stop = new AbortController()
  const busy = probe(url, stop.signal)
  await measure(scenarios.login, ground, service, { seconds, cores: undefined })
  stop.abort()
  const [idleMs, busyMs] = [percentile(idle, 99), percentile(await busy, 99)]
  const ratio = busyMs / idleMs
  return goalLine(
    `p99 of GET /health/live: ${figure(idleMs)} ms idle, ${figure(busyMs)} ms while logins saturate, ${figure(ratio)} times`,
    `at most ${GOAL}`,
    ratio <= GOAL,
  )
}
