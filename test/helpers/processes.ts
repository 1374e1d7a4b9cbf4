import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** A server of a test's own, on a port that it keeps. */
export interface ServerProcess {
  readonly port: number
  readonly pid: number
  /** Sends a signal: `SIGSTOP` lets it hang, `SIGCONT` go on. */
  signal(name: NodeJS.Signals): void
  /** Ends it as a crash does; resolves when it is gone. */
  kill(): Promise<void>
  /** Starts it again after `kill`, with the data it had; resolves when it accepts connections. */
  restart(): Promise<void>
}

const START_TIMEOUT_MS = 15_000

/**
 * Starts a server; after the test it is killed and its folder removed.
 * @param command the program and its arguments
 */
export async function startServerProcess(
  t: { after(end: () => Promise<void>): void },
  command: (port: number, folder: string) => readonly string[],
): Promise<ServerProcess> {
  const { folder, remove } = await createFolder()
  const port = await freePort()
  const [program = '', ...args] = command(port, folder)
  let child: ChildProcess

  const start = async () => {
    child = spawnTied(program, args, { cwd: folder, stdio: 'ignore' })
    await accepting(port, child)
  }
  const kill = async () => {
    child.kill('SIGKILL')
    await ended(child)
  }
  t.after(async () => {
    await kill()
    await remove()
  })
  await start()
  return {
    port,
    get pid() {
      return child.pid ?? 0
    },
    signal: (name) => void child.kill(name),
    kill,
    restart: start,
  }
}

/**
 * A temporary folder. However this process ends, it is removed.
 * @param script a shell script that runs before, with the folder as `$0`
 */
export async function createFolder(script = ':') {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'gatehouse-test-'))
  // Those who write into it end with this process too.
  const callOff = whenThisEnds(`sleep 0.2; ${script}; rm -rf "$0"`, folder)
  return {
    folder,
    async remove() {
      await ended(spawnTied('sh', ['-c', script, folder], { stdio: 'ignore' }))
      await rm(folder, { recursive: true, force: true })
      callOff()
    },
  }
}

/** A child process that does not outlive this one, however this one ends. */
export function spawnTied(program: string, args: readonly string[], options: SpawnOptions): ChildProcess {
  const child = spawn(program, args, options)
  if (child.pid !== undefined) {
    const release = whenThisEnds('kill -KILL "$0"', String(child.pid))
    child.once('exit', release)
  }
  return child
}

/**
 * Runs a shell script, with `subject` as `$0`, when this process ends, even by a kill -9, which closes the pipe.
 * @returns calls it off
 */
function whenThisEnds(script: string, subject: string): () => void {
  const watchdog = spawn('sh', ['-c', `read -r _; ${script}`, subject], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  watchdog.unref()
  // A pipe keeps the process alive unless it is told not to.
  ;(watchdog.stdin as unknown as { unref(): void }).unref()
  return () => void watchdog.kill('SIGKILL')
}

/** Resolves when the process is gone. */
export async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
}

/** A port that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address ? address.port : 0
}

async function accepting(port: number, child: ChildProcess): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT_MS
  while (!(await accepts(port))) {
    if (child.exitCode !== null || Date.now() > deadline) throw new Error(`${child.spawnfile} does not start`)
    await sleep(20)
  }
}

async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}
