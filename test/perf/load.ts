import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import autocannon from 'autocannon'
import { programOnPath } from '#test/stores'
import { pin, pinned } from './machine.ts'

/** A request of a load. */
export interface LoadRequest {
  method: 'GET' | 'POST'
  path: string
  token?: string
  body?: object
}

interface LoadOptions {
  url: string
  /** Sent in turn by all connections together, then from the start again. */
  requests: readonly LoadRequest[]
  connections: number
  seconds: number
  /** Where the generator runs. */
  cores: string | undefined
}

/** What a load found. */
interface LoadResult {
  /** Answered requests. */
  sent: number
  seconds: number
  /** Answers that are no success. */
  refused: number
  /** Requests without an answer. */
  broken: number
  p50Ms: number
  p99Ms: number
}

/** Which generator sends. */
export const generator = programOnPath('wrk') ? 'wrk' : 'autocannon'

/** Keeps all connections busy, each with one request at a time. */
export const applyLoad = generator === 'wrk' ? runWrk : runAutocannon

async function runWrk({ url, requests, connections, seconds, cores }: LoadOptions): Promise<LoadResult> {
  const folder = await mkdtemp(path.join(tmpdir(), 'gatehouse-load-'))
  try {
    const file = path.join(folder, 'requests')
    const lines = requests.map(({ method, path, token = '', body }) =>
      [method, path, token, body ? JSON.stringify(body) : ''].join('\t'),
    )
    await writeFile(file, lines.join('\n'))
    const script = path.join(import.meta.dirname, 'requests.lua')
    const limits = ['-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', '10s']
    const [command, args] = pinned(cores, 'wrk', [...limits, '-s', script, url, '--', file])
    const { stdout } = await promisify(execFile)(command, args)
    return JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '')
  } finally {
    await rm(folder, { recursive: true })
  }
}

async function runAutocannon({ url, requests, connections, seconds, cores }: LoadOptions): Promise<LoadResult> {
  pin(process.pid, cores)
  const prepared = requests.map(({ method, path, token, body }) => ({
    method,
    path,
    headers: {
      ...(token && { authorization: `Bearer ${token}` }),
      ...(body && { 'content-type': 'application/json' }),
    },
    ...(body && { body: JSON.stringify(body) }),
  }))
  let client = 0
  const result = await autocannon({
    url,
    connections,
    duration: seconds,
    // Every connection has requests of its own, so that none is sent twice.
    setupClient(connection) {
      const mine = client++
      connection.setRequests(prepared.filter((_request, n) => n % connections === mine))
    },
  })
  return {
    sent: result.requests.total,
    seconds: result.duration,
    refused: result.non2xx,
    broken: result.errors + result.timeouts,
    p50Ms: result.latency.p50,
    p99Ms: result.latency.p99,
  }
}
