import { execFile } from 'node:child_process'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import type { Ground } from './ground.ts'
import { applyLoad, type LoadRequest } from './load.ts'
import { cpuMicros, rssMb } from './machine.ts'
import { CONNECTIONS, type Scenario } from './scenarios.ts'
import type { Server } from './servers.ts'

// Requests that the generator has given up are still worked on: they must not reach into the next measurement.
const SETTLE_MS = 1000

/** What one contestant did in one round. */
export interface Measurement {
  perSecond: number
  p50Ms?: number
  p99Ms?: number
  /** Of the whole process, per answered request. */
  cpuMicros?: number | undefined
  rssMb?: number | undefined
}

interface Options {
  seconds: number
  /** Where the load generator runs. */
  cores: string | undefined
}

/** Sends one request as the load does. */
export async function send(url: string, { method, path, token, body }: LoadRequest): Promise<Response> {
  const headers = {
    ...(token && { authorization: `Bearer ${token}` }),
    ...(body && { 'content-type': 'application/json' }),
  }
  return fetch(url + path, { method, headers, ...(body && { body: JSON.stringify(body) }) })
}

/** Sends the first request of a scenario. @throws AssertionError when the answer is not what it should be */
export async function checkAnswer(scenario: Scenario, ground: Ground, { url }: Server): Promise<void> {
  const [request] = await scenario.requests(ground, 1)
  if (!request) throw new TypeError('the scenario has no requests')
  const answer = await send(url, request)
  scenario.check(ground, { status: answer.status, body: (await answer.json()) as Record<string, unknown> })
}

/** @throws when a single answer is no success: a server that refuses is fast */
export async function measure(
  scenario: Scenario,
  ground: Ground,
  server: Server,
  { seconds, cores }: Options,
): Promise<Measurement> {
  const requests = await scenario.requests(ground, seconds)
  const cpuBefore = cpuMicros(server.pid)
  const { sent, refused, broken, p50Ms, p99Ms, ...load } = await applyLoad({
    ...{ url: server.url, requests, connections: CONNECTIONS, seconds, cores },
  })
  const cpuAfter = cpuMicros(server.pid)
  await sleep(SETTLE_MS)
  if (refused + broken > 0) throw new Error(`${refused} of ${sent} requests were refused, ${broken} broke`)
  return {
    perSecond: sent / load.seconds,
    p50Ms,
    p99Ms,
    cpuMicros: cpuBefore === undefined || cpuAfter === undefined ? undefined : (cpuAfter - cpuBefore) / sent,
    rssMb: rssMb(server.pid),
  }
}

/** Runs the program of a contestant that is no server and measures itself. */
export async function measureLoop(
  file: string,
  environment: Record<string, string>,
  seconds: number,
): Promise<Measurement> {
  const program = path.join(import.meta.dirname, '../..', file)
  const { stdout } = await promisify(execFile)(process.execPath, [program, String(seconds)], {
    env: { PATH: process.env.PATH, ...environment },
  })
  return JSON.parse(stdout)
}

/** Each has its turn in each round, forwards and backwards, so that nobody always comes first. */
export async function inTurns<T>(
  items: readonly T[],
  rounds: number,
  turn: (item: T) => Promise<unknown>,
): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    for (const item of round % 2 === 0 ? items : items.toReversed()) await turn(item)
  }
}
