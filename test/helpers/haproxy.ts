import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { TestContext } from 'node:test'
import { type ServerProcess, startServerProcess } from '#test/processes'
import { findTool, root } from '#test/tools'

/**
 * The load balancer with the configuration that is deployed, of which only the addresses are replaced, and the path of
 * the health check where `check` says so. `null`: HAProxy is not installed, and the test is skipped.
 * @param backends `host:port` of each instance, as many as there are in the configuration
 */
export async function startHaproxy(
  t: TestContext,
  { backends, check = '/health/ready' }: { backends: readonly string[]; check?: '/health/ready' | '/health' },
): Promise<(ServerProcess & { url: string }) | null> {
  const program = findTool(t, 'haproxy')
  if (program === null) return null
  const balancer = await startServerProcess(t, (port, folder) => {
    const file = path.join(folder, 'haproxy.cfg')
    writeFileSync(file, configuration(`127.0.0.1:${port}`, backends, check))
    return [program, '-db', '-f', file]
  })
  return Object.assign(balancer, { url: `http://127.0.0.1:${balancer.port}` })
}

function configuration(address: string, backends: readonly string[], check: string): string {
  const remaining = [...backends]
  const text = readFileSync(path.join(root, 'ops/haproxy.cfg'), 'utf8')
    .replace('bind :8080', `bind ${address}`)
    .replace('GET /health/ready', `GET ${check}`)
    .replace(/^( +server \S+) \S+/gm, (_line, server) => `${server} ${remaining.shift()}`)
  assert.ok(text.includes(`bind ${address}`) && text.includes(`GET ${check}`) && remaining.length === 0)
  return text
}
