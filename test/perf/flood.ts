import { Agent, request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import type { LoadRequest } from './load.ts'

/** How one request of a flood ended. */
export interface FloodAnswer {
  /** 0 without an answer. */
  status: number
  ms: number
  retryAfter: string | undefined
}

/** Sends requests at a fixed pace, whether those before are answered or not, as clients do who know nothing of each other. */
export async function flood(
  url: string,
  requests: readonly LoadRequest[],
  perSecond: number,
  seconds: number,
): Promise<FloodAnswer[]> {
  const agent = new Agent({ keepAlive: true })
  const answers: Promise<FloodAnswer>[] = []
  const startedAt = performance.now()
  for (let n = 0; n < perSecond * seconds; n++) {
    const waitMs = startedAt + (n * 1000) / perSecond - performance.now()
    if (waitMs > 1) await sleep(waitMs)
    const next = requests[n % requests.length]
    if (next) answers.push(ask(url, next, agent))
  }
  const all = await Promise.all(answers)
  agent.destroy()
  return all
}

function ask(url: string, { method, path, token, body }: LoadRequest, agent: Agent): Promise<FloodAnswer> {
  const startedAt = performance.now()
  return new Promise((resolve) => {
    const end = (status: number, retryAfter?: string) =>
      resolve({ status, ms: performance.now() - startedAt, retryAfter })
    const headers = { ...(token && { authorization: `Bearer ${token}` }), 'content-type': 'application/json' }
    request(url + path, { method, agent, headers })
      .once('response', (response) =>
        response.resume().once('end', () => end(response.statusCode ?? 0, response.headers['retry-after'])),
      )
      .once('error', () => end(0))
      .end(body && JSON.stringify(body))
  })
}
