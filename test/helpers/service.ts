import assert from 'node:assert/strict'
import { once } from 'node:events'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import type { TestContext } from 'node:test'
import { type LogLine, testEnvironment, until } from '#test/app'
import { createFolder, spawnTied } from '#test/processes'

/** How a process ended. */
interface Exit {
  code: number | null
  signal: NodeJS.Signals | null
}

/** The service as a process of its own. */
export interface Service {
  readonly pid: number
  /** Where it listens, without a slash at the end; empty when it ended before it did. */
  readonly url: string
  readonly port: number
  /** What it has logged so far. */
  readonly lines: readonly LogLine[]
  readonly exit: Promise<Exit>
  /** What it has written to stderr, once it has ended. */
  readonly stderr: Promise<string>
  /** Sends a signal; resolves when the process has ended, within `timeoutMs` or by a kill -9. */
  kill(signal?: NodeJS.Signals, timeoutMs?: number): Promise<Exit>
  /** Sends a signal that does not end it, such as `SIGSTOP`. */
  signal(name: NodeJS.Signals): void
  /** Resolves when it is ready for requests; fails when it has ended. */
  ready(timeoutMs?: number): Promise<void>
  /** Starts it again after it has ended, in the same folder, with the settings it had but for the given ones. */
  restart(environment?: Record<string, string>): Promise<Service>
}

const START_TIMEOUT_MS = 30_000
const LOOK_TIMEOUT_MS = 2000
const STOP_TIMEOUT_MS = 20_000
// A killed service leaves its embedded PostgreSQL.
const quitPostgres = 'kill -QUIT $(head -n 1 "$0/postgres/data/postmaster.pid") && sleep 0.2'
const root = path.join(import.meta.dirname, '../..')

/**
 * Starts the service with the settings of the tests and waits until it listens or has ended. It runs in an empty folder,
 * where it keeps its data too unless `DATA_DIR` says otherwise, and is killed after the test. Its port is read from its
 * log: a `LOG_LEVEL` above `info` needs a `PORT`.
 */
export async function startService(t: TestContext, environment: Record<string, string> = {}): Promise<Service> {
  const { folder, remove } = await createFolder(quitPostgres)
  const kills: (() => Promise<Exit>)[] = []
  t.after(async () => {
    for (const kill of kills) await kill()
    await remove()
  })
  return launch(folder, environment, (kill) => kills.push(kill))
}

async function launch(
  folder: string,
  environment: Record<string, string>,
  onLaunch: (kill: () => Promise<Exit>) => void,
): Promise<Service> {
  const child = spawnTied(process.execPath, [path.join(root, 'src/server.ts')], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env.PATH, HOST: '127.0.0.1', PORT: '0', ...testEnvironment, DATA_DIR: folder, ...environment },
  })
  const { stdout, stderr } = child
  if (!stdout || !stderr) throw new TypeError('the process has no pipes')
  // Not before its last lines were read.
  const exit = once(child, 'close').then(([code, signal]): Exit => ({ code, signal }))

  const kill = async (signal: NodeJS.Signals = 'SIGKILL', timeoutMs = STOP_TIMEOUT_MS) => {
    child.kill(signal)
    const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs)
    return exit.finally(() => clearTimeout(timer))
  }
  onLaunch(kill)

  const lines: LogLine[] = []
  const complaints = text(stderr)
  createInterface(stdout).on('line', (line) => lines.push(JSON.parse(line)))
  const url = () => {
    const listening = lines.find(({ msg }) => msg?.startsWith('Server listening at '))
    return listening?.msg?.replace(/^.* /, '') ?? (environment.PORT ? `http://127.0.0.1:${environment.PORT}` : '')
  }
  const answers = async (route: string) => {
    try {
      const answer = await fetch(url() + route, { signal: AbortSignal.timeout(LOOK_TIMEOUT_MS) })
      await answer.arrayBuffer()
      return answer.ok
    } catch {
      return false
    }
  }
  const gone = () => child.exitCode !== null || child.signalCode !== null
  await until(
    async () => gone() || (url() !== '' && (await answers('/health/live'))),
    'the service listens',
    START_TIMEOUT_MS,
  )

  return {
    pid: child.pid ?? 0,
    url: url(),
    port: Number(url().replace(/^.*:/, '')),
    lines,
    exit,
    stderr: complaints,
    kill,
    signal: (name) => void child.kill(name),
    async ready(timeoutMs = START_TIMEOUT_MS) {
      await until(async () => gone() || (await answers('/health/ready')), 'the service is ready', timeoutMs)
      if (gone()) assert.fail(`the service has ended: ${await complaints}`)
    },
    restart: (changed) => launch(folder, { ...environment, ...changed }, onLaunch),
  }
}
