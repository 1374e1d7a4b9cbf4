import type { TestContext } from 'node:test'
import { type ServerProcess, startServerProcess } from '#test/processes'
import { programOnPath, requireStore } from '#test/stores'

/** A Redis of the test's own, which keeps nothing when it is killed; `null`: there is none, and the test is skipped. */
export async function startRedis(t: TestContext): Promise<(ServerProcess & { url: string }) | null> {
  const program = programOnPath('redis-server')
  if (!requireStore(t, 'redis', program !== null) || program === null) return null
  const server = await startServerProcess(t, (port, folder) => [
    program,
    ...['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', '', '--appendonly', 'no'],
  ])
  return Object.assign(server, { url: `redis://127.0.0.1:${server.port}/0` })
}
