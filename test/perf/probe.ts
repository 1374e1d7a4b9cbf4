import { Agent, get } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Ground } from './ground.ts'
import { measure } from './measure.ts'
import { figure, goalLine } from './report.ts'
import { scenarios } from './scenarios.ts'
import type { Server } from './servers.ts'
import { percentile } from './statistics.ts'

const PROBE_MS = 10
/** How many times its idle p99 a cheap endpoint may take while logins saturate. */
const GOAL = 3

/**
 * Asks for a path a hundred times a second, on a connection of its own, until the signal.
 * @returns how long each answer took, in milliseconds
 */
export async function probe(url: string, signal: AbortSignal): Promise<number[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const times: number[] = []
  while (!signal.aborted) {
    const startedAt = performance.now()
    await new Promise<void>((resolve, reject) => {
      get(url, { agent }, (response) => response.resume().once('end', resolve)).once('error', reject)
    })
    times.push(performance.now() - startedAt)
    await sleep(PROBE_MS)
  }
  agent.destroy()
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
