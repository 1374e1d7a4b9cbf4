import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { findTool, root } from '#test/tools'

/**
 * The load balancer with the configuration that is deployed, of which only the addresses are replaced, and the path of
 * the health check where `check` says so. `null` where HAProxy is not installed: the test is skipped then.
 * @param backends `host:port` of each instance, as many as there are in the configuration
 */
export async function startHaproxy(
  t: TestContext,
  { backends, check = '/health/ready' }: { backends: readonly string[]; check?: '/health/ready' | '/health' },
): Promise<{ url: string } | null> {
  const program = findTool(t, 'haproxy')
  if (program === null) return null

  const folder = await mkdtemp(path.join(os.tmpdir(), 'gatehouse-haproxy-'))
  const file = path.join(folder, 'haproxy.cfg')
  const port = await freePort()
  await writeFile(file, configuration(port, backends, check))
  const child = spawn(program, ['-db', '-f', file], { stdio: 'pipe' })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      output += chunk
    })
  }
  t.after(async () => {
    await ended(child)
    await rm(folder, { recursive: true })
  })

  while (!(await listens(port))) {
    assert.equal(child.exitCode, null, output)
    await sleep(20)
  }
  return { url: `http://127.0.0.1:${port}` }
}

function configuration(port: number, backends: readonly string[], check: string): string {
  const remaining = [...backends]
  const text = readFileSync(path.join(root, 'ops/haproxy.cfg'), 'utf8')
    .replace('bind :8080', `bind 127.0.0.1:${port}`)
    .replace('GET /health/ready', `GET ${check}`)
    .replace(/^( +server \S+) \S+/gm, (_line, server) => `${server} ${remaining.shift()}`)
  assert.ok(text.includes(`bind 127.0.0.1:${port}`) && text.includes(`GET ${check}`) && remaining.length === 0)
  return text
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}

async function listens(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  const connected = await once(socket, 'connect').then(
    () => true,
    () => false,
  )
  socket.destroy()
  return connected
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGTERM')
  await once(child, 'exit')
}
