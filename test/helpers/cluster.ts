import { spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm, statfs } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import pg from 'pg'
import { createMigrations, poolOptions, startEmbeddedPostgres } from '#db/postgres'

/** The migrated database that those of the tests are copies of. */
export const TEMPLATE = 'gatehouse_template'

const GIB = 2 ** 30

/** Fast, since the data is thrown away, and wide enough for all test files at once. */
const throwaway = {
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
  max_connections: '300',
}

/** A PostgreSQL in a temporary folder. However this process ends, neither the server nor the folder outlives it. */
export type Cluster = Awaited<ReturnType<typeof startThrowawayCluster>>

export async function startThrowawayCluster(flags: Record<string, string> = {}) {
  const folder = await mkdtemp(path.join(await fastTemporaryFolder(), 'gatehouse-test-'))
  const reaper = startReaper(folder)
  const server = await startEmbeddedPostgres({ dataDir: folder, flags: { ...throwaway, ...flags } })
  const signal = (name: NodeJS.Signals) => {
    for (const pid of [server.pid, ...childrenOf(server.pid)]) {
      try {
        process.kill(pid, name)
      } catch {
        // It ended meanwhile, as its processes do all the time.
      }
    }
  }
  return {
    url: server.url,
    get pid() {
      return server.pid
    },
    /** Sends a signal to the server and all its processes: one that is stopped leaves the others talking. */
    signal,
    async stop() {
      signal('SIGCONT')
      await server.stop()
      await rm(folder, { recursive: true, force: true })
      reaper.kill('SIGKILL')
    },
  }
}

/** Memory, where there is enough: a database is then copied in 10 ms, where a disk takes up to 300. */
async function fastTemporaryFolder(): Promise<string> {
  if (process.env.TMPDIR) return os.tmpdir()
  const { bavail, bsize } = await statfs('/dev/shm').catch(() => ({ bavail: 0, bsize: 0 }))
  return bavail * bsize > 2 * GIB ? '/dev/shm' : os.tmpdir()
}

/** Makes the template. */
export async function createTemplate(clusterUrl: string): Promise<void> {
  await administer(clusterUrl, `create database ${TEMPLATE}`)
  await migrate(databaseUrl(clusterUrl, TEMPLATE))
}

/** Makes the tables in a database. */
export async function migrate(url: string): Promise<void> {
  const pool = new pg.Pool(poolOptions(url))
  await createMigrations(pool).up()
  await pool.end()
}

/** Runs one statement as superuser, outside of any test's database. */
export async function administer(clusterUrl: string, statement: string): Promise<void> {
  const client = new pg.Client(clusterUrl)
  await client.connect()
  await client.query(statement).finally(() => client.end())
}

export function databaseUrl(clusterUrl: string, name: string): string {
  return new URL(name, clusterUrl).href
}

/** Waits for the end of this process, even a kill -9, which closes the pipe; then cleans up. */
function startReaper(folder: string) {
  const script = 'cat; kill -QUIT $(head -n 1 "$0/postgres/data/postmaster.pid") 2>/dev/null; sleep 0.2; rm -rf "$0"'
  const reaper = spawn('sh', ['-c', script, folder], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] })
  reaper.unref()
  // A pipe keeps the process alive unless it is told not to.
  ;(reaper.stdin as unknown as { unref(): void }).unref()
  return reaper
}

function childrenOf(parent: number): number[] {
  const isChild = (pid: string) => {
    try {
      // proc_pid_stat(5): the parent is the second field after the command's name.
      return readFileSync(`/proc/${pid}/stat`, 'utf8')
        .replace(/^.*\) . /, '')
        .startsWith(`${parent} `)
    } catch {
      return false
    }
  }
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && isChild(name))
    .map(Number)
}
