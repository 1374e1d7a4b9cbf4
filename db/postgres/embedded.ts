import { setTimeout as sleep } from 'node:timers/promises'
import { findBinaries } from './embedded/binaries.ts'
import { clusterUrl, ensureCluster } from './embedded/cluster.ts'
import { unprivilegedIdentity } from './embedded/identity.ts'
import { claim, release } from './embedded/owner.ts'
import { isAlive } from './embedded/processes.ts'
import { endServer, ensureServer, type ServerPlan } from './embedded/server.ts'

const LOOK_MS = 100
const MAX_PAUSE_MS = 5000

/** A pino logger, for instance. */
interface EmbeddedLog {
  info(details: object, message: string): void
  warn(details: object, message: string): void
}

/** What an embedded PostgreSQL is started with. */
interface EmbeddedOptions {
  /** The cluster is kept in its folder `postgres`; one of an earlier start is used again. */
  dataDir: string
  log?: EmbeddedLog
  /** Settings of postgresql.conf, such as `fsync: 'off'` where the data is thrown away. */
  flags?: Readonly<Record<string, string>>
}

/** A PostgreSQL that belongs to this process, or is shared with the one that it belongs to. */
interface EmbeddedPostgres {
  readonly url: string
  /** Changes when the server is killed, since it is started again. */
  readonly pid: number
  /** Ends the server within about two seconds if it is ours; otherwise only stops looking after it. */
  stop(): Promise<void>
}

/**
 * A real PostgreSQL for development and tests, on a free port of 127.0.0.1. It outlives a killed service, is adopted by
 * the next start, and is started again on the same port when it dies.
 * @throws an error that names the folder, when it does not start or the development dependencies are missing
 */
export async function startEmbeddedPostgres(options: EmbeddedOptions): Promise<EmbeddedPostgres> {
  const { dataDir, log, flags = {} } = options
  const [binaries, identity] = [await findBinaries(), unprivilegedIdentity()]
  const cluster = await ensureCluster(dataDir, binaries, identity, flags.fsync !== 'off')
  const plan: ServerPlan = { cluster, binaries, identity, flags }
  let server = await ensureServer(plan)
  const { port } = server
  const owned = await claim(cluster)
  log?.info({ folder: cluster.root, port, pid: server.pid, shared: !owned }, 'Embedded PostgreSQL is running')

  const stopping = new AbortController()
  const pause = (ms: number) => sleep(ms, undefined, { signal: stopping.signal, ref: false }).catch(() => {})

  const lookAfter = async () => {
    for (let pauseMs = LOOK_MS; !stopping.signal.aborted; await pause(pauseMs)) {
      if (isAlive(server.pid)) continue
      log?.warn({ pid: server.pid }, 'Embedded PostgreSQL ended and is started again')
      try {
        server = await ensureServer(plan, port, stopping.signal)
        await claim(cluster)
        pauseMs = LOOK_MS
      } catch (err) {
        if (stopping.signal.aborted) return
        log?.warn({ err }, 'Embedded PostgreSQL does not start')
        pauseMs = Math.min(pauseMs * 2, MAX_PAUSE_MS)
      }
    }
  }
  const lookingAfter = lookAfter()

  return {
    url: await clusterUrl(cluster, port),
    get pid() {
      return server.pid
    },
    async stop() {
      stopping.abort()
      await lookingAfter
      if (await release(cluster)) await endServer(server.pid)
    },
  }
}
