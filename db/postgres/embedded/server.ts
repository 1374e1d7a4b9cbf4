import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { open, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import type { Binaries } from './binaries.ts'
import { type Cluster, clusterUrl } from './cluster.ts'
import { type Identity, spawnAs } from './identity.ts'
import { commandOf, isTaken, terminate } from './processes.ts'

const POLL_MS = 15
const CONNECT_TIMEOUT_MS = 1000
/** A server that was killed replays its log first. */
const START_TIMEOUT_MS = 60_000
const MAX_STARTS = 5
/** Doubled with each try: a port may be taken, and the remains of a killed server go in their own time. */
const RESTART_PAUSE_MS = 50

/** Light enough for a developer's machine, and as durable as any. */
const settings = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  shared_buffers: '32MB',
  max_connections: '50',
  timezone: 'UTC',
  io_method: 'sync',
  max_logical_replication_workers: '0',
}

/** A server that accepts connections. */
interface RunningServer {
  pid: number
  port: number
}

/** What a server is started from. */
export interface ServerPlan {
  cluster: Cluster
  binaries: Binaries
  identity: Identity | undefined
  /** Settings of postgresql.conf on top of the usual ones. */
  flags: Readonly<Record<string, string>>
}

/**
 * The cluster's server: the one that runs already, left by a process that was killed or shared with one that lives, or
 * a new one. Of several that start it at once, the server's own lock lets one win, and the others find it.
 * @param port where a new one listens; any free port by default
 * @throws an error with the server's last words when it does not start, or when `signal` aborts the wait
 */
export async function ensureServer(plan: ServerPlan, port?: number, signal?: AbortSignal): Promise<RunningServer> {
  const deadline = Date.now() + START_TIMEOUT_MS
  let child: ChildProcess | undefined
  for (let starts = 0; Date.now() < deadline && !signal?.aborted; await sleep(POLL_MS)) {
    const running = await findServer(plan.cluster)
    if (running && (await accepts(plan.cluster, running.port))) return running
    if (running || (child && !hasEnded(child))) continue
    if (starts === MAX_STARTS) break
    if (starts > 0) await sleep(RESTART_PAUSE_MS * 2 ** starts)
    starts++
    await removeForeignLock(plan.cluster)
    child = await launch(plan, port ?? (await freePort()))
  }
  if (child && !hasEnded(child)) child.kill('SIGKILL')
  throw new Error(`PostgreSQL does not start in ${plan.cluster.root} (DATA_DIR): ${await lastWords(plan.cluster)}`)
}

/** Ends the server within about two seconds: open transactions are rolled back, and nothing that was committed is lost. */
export function endServer(pid: number): Promise<void> {
  return terminate(pid, [
    ['SIGINT', 1300],
    ['SIGQUIT', 500],
    ['SIGKILL', 200],
  ])
}

/** The live server of the cluster, ready or not, or `undefined`. */
async function findServer(cluster: Cluster): Promise<RunningServer | undefined> {
  const [pid, , , port] = await readLock(cluster)
  if (!pid || !port) return undefined
  const command = await commandOf(pid)
  return command.includes('postgres') && command.includes(cluster.data) ? { pid, port } : undefined
}

/** Its lines: process id, data folder, start time, port, ... Those not yet written are missing. */
async function readLock(cluster: Cluster): Promise<number[]> {
  const lines = await readFile(`${cluster.data}/postmaster.pid`, 'utf8').catch(() => '')
  return lines.split('\n').map(Number)
}

/**
 * The id in the lock may be that of another process by now, or of one that ended and that nobody asked for: then
 * PostgreSQL would refuse to start. A lock whose id is free stays: PostgreSQL looks for survivors by itself.
 */
async function removeForeignLock(cluster: Cluster): Promise<void> {
  const [pid] = await readLock(cluster)
  if (!pid || !isTaken(pid) || (await commandOf(pid)).includes('postgres')) return
  await rm(`${cluster.data}/postmaster.pid`, { force: true })
}

async function launch({ cluster, binaries, identity, flags }: ServerPlan, port: number): Promise<ChildProcess> {
  const log = await open(cluster.log, 'a', 0o600)
  try {
    const args = Object.entries({ ...settings, ...flags, port }).flatMap(([name, value]) => ['-c', `${name}=${value}`])
    const child = spawnAs(identity, binaries.postgres, ['-D', cluster.data, ...args], {
      data: cluster.data,
      stdio: ['ignore', log.fd, log.fd],
    })
    child.unref()
    await once(child, 'spawn')
    return child
  } finally {
    await log.close()
  }
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null
}

async function accepts(cluster: Cluster, port: number): Promise<boolean> {
  const client = new pg.Client({
    connectionString: await clusterUrl(cluster, port),
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
  })
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

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address ? address.port : 0
}

async function lastWords(cluster: Cluster): Promise<string> {
  const log = await readFile(cluster.log, 'utf8').catch(() => '')
  return log.trimEnd().split('\n').slice(-3).join(' | ') || 'it said nothing'
}
