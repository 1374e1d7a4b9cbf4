import type { ChildProcess } from 'node:child_process'
import { tmpdir } from 'node:os'
import { administer, databaseUrl, startThrowawayCluster } from '#test/cluster'
import { ended, freePort, spawnTied } from '#test/processes'
import { programOnPath } from '#test/stores'
import { pin, pinned } from './machine.ts'

/** The stores of a run. */
export interface Stores {
  redisUrl: string
  mongodbUrl: string
  /** What is not as in production, for the report. */
  remarks: string[]
  /** An empty database. @returns its address */
  createDatabase(name: string): Promise<string>
  stop(): Promise<void>
}

// Port 9 is "discard": nobody listens there, so a store at this address is one that is down.
const NOWHERE = '127.0.0.1:9'

/**
 * PostgreSQL, and Redis where it is installed. MongoDB is the one of `MONGODB_URL`; without it, audit events wait in the
 * outbox.
 * @param cores where the stores run
 * @param settings of PostgreSQL, on top of durable ones
 */
export async function startStores(cores: string | undefined, settings: Record<string, string> = {}): Promise<Stores> {
  // Not in memory, where the tests have theirs: a commit shall cost what it costs.
  process.env.TMPDIR ??= tmpdir()
  const cluster = await startThrowawayCluster({
    ...{ fsync: 'on', synchronous_commit: 'on', full_page_writes: 'on', shared_buffers: '512MB' },
    ...settings,
  })
  pin(cluster.pid, cores)
  const redis = programOnPath('redis-server') ? await startRedis(cores) : undefined
  const { MONGODB_URL } = process.env
  return {
    redisUrl: redis?.url ?? `redis://${NOWHERE}`,
    mongodbUrl: MONGODB_URL ?? `mongodb://${NOWHERE}/gatehouse`,
    remarks: [
      ...(redis ? [] : ['no Redis: limits are counted in the process']),
      ...(MONGODB_URL ? [] : ['no MongoDB: audit events wait in the outbox']),
    ],
    async createDatabase(name) {
      await administer(cluster.url, `create database ${name}`)
      return databaseUrl(cluster.url, name)
    },
    async stop() {
      redis?.child.kill()
      if (redis) await ended(redis.child)
      await cluster.stop()
    },
  }
}

async function startRedis(cores: string | undefined): Promise<{ url: string; child: ChildProcess }> {
  const port = await freePort()
  const settings = ['--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--port', String(port)]
  const child = spawnTied(...pinned(cores, 'redis-server', settings), { stdio: ['ignore', 'pipe', 'inherit'] })
  for await (const chunk of child.stdout ?? []) if (String(chunk).includes('Ready to accept connections')) break
  return { url: `redis://127.0.0.1:${port}`, child }
}
