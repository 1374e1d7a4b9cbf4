import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ended, freePort, spawnTied } from '#test/processes'
import { pinned } from './machine.ts'

/** A server in a process of its own. */
export interface Server {
  url: string
  pid: number
  stop(): Promise<void>
}

const START_TIMEOUT_MS = 30_000
const POLL_MS = 50
const STOP_MS = 3000

/**
 * Runs a program of the project that listens on `PORT`, until it accepts connections.
 * @param file relative to the project's folder
 * @param options `cores` in the notation of taskset(1); `flags` of node
 * @throws with the program's last words when it does not start
 */
export async function startServer(
  file: string,
  environment: Record<string, string>,
  { cores, flags = [] }: { cores?: string | undefined; flags?: readonly string[] } = {},
): Promise<Server> {
  const port = await freePort()
  const root = path.join(import.meta.dirname, '../..')
  const child = spawnTied(...pinned(cores, process.execPath, [...flags, path.join(root, file)]), {
    cwd: root,
    env: { PATH: process.env.PATH, ...environment, PORT: String(port) },
    // The log is written and thrown away.
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let lastWords = ''
  child.stderr?.on('data', (chunk) => {
    lastWords = (lastWords + chunk).slice(-2000)
  })
  const gone = () => child.exitCode !== null || child.signalCode !== null

  const url = `http://127.0.0.1:${port}`
  const deadline = Date.now() + START_TIMEOUT_MS
  while (!(await accepts(url))) {
    if (gone() || Date.now() > deadline) {
      child.kill('SIGKILL')
      throw new Error(`${file} does not start: ${lastWords}`)
    }
    await sleep(POLL_MS)
  }
  return {
    url,
    pid: child.pid ?? 0,
    async stop() {
      child.kill('SIGTERM')
      const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
      await ended(child)
      clearTimeout(timer)
    },
  }
}

function accepts(url: string): Promise<boolean> {
  return fetch(`${url}/health/ready`).then(
    // A contestant without this route is ready as soon as it listens.
    ({ status }) => status !== 503,
    () => false,
  )
}
