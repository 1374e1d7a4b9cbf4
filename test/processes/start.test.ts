import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import os from 'node:os'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { testEnvironment, until } from '#test/app'
import { createDatabase } from '#test/postgres'
import { freePort } from '#test/processes'
import { startService } from '#test/service'

const MIB = 2 ** 20

function residentBytes(pid: number): number {
  const [, kib] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Number(kib) * 1024
}

async function accepts(port: number): Promise<boolean> {
  return fetch(`http://127.0.0.1:${port}/health/live`).then(
    () => true,
    () => false,
  )
}

test('with the embedded PostgreSQL there already, it listens in 1.5 s, is below 150 MB, and leaves nothing behind', async (t) => {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'gatehouse-test-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const environment = { NODE_ENV: 'development', DATA_DIR: folder }
  const first = await startService(t, environment)
  await first.ready()
  await first.kill('SIGTERM')

  const startedAt = performance.now()
  const service = await startService(t, environment)
  const took = performance.now() - startedAt
  await service.ready()
  await sleep(1000)
  const resident = residentBytes(service.pid)
  t.diagnostic(`listens after ${Math.round(took)} ms, ${Math.round(resident / MIB)} MiB`)
  // Three times the promise, for machines that run other tests meanwhile.
  assert.ok(took < 4500, `${took} ms`)
  assert.ok(resident < 150 * MIB, `${resident} bytes`)

  const postmaster = path.join(folder, 'postgres/data/postmaster.pid')
  const pid = Number(readFileSync(postmaster, 'utf8').split('\n')[0])
  assert.deepEqual(await service.kill('SIGTERM'), { code: 0, signal: null })
  assert.equal(existsSync(`/proc/${pid}`), false)
  assert.equal(existsSync(postmaster), false)
})

test('a signal while it starts ends it with 0, and leaves no PostgreSQL behind', async (t) => {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'gatehouse-test-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const child = spawn(process.execPath, [path.join(import.meta.dirname, '../../src/server.ts')], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { PATH: process.env.PATH, ...testEnvironment, PORT: '0', DATA_DIR: folder },
  })
  t.after(() => child.kill('SIGKILL'))
  const exit = once(child, 'exit')
  const output = text(child.stdout)
  await until(() => existsSync(path.join(folder, 'postgres')), 'the cluster is being made')
  child.kill('SIGTERM')
  assert.deepEqual(await exit, [0, null])
  assert.doesNotMatch(await output, /Server listening/)
  assert.equal(existsSync(path.join(folder, 'postgres/data/postmaster.pid')), false)
})

test('a configuration that can not be used ends it with 78, every problem in one message and no port open', async (t) => {
  const port = await freePort()
  const service = await startService(t, {
    PORT: String(port),
    NODE_ENV: 'production',
    JWT_SECRET_KEY: 'a-short-secret',
    CORS_ORIGINS: '*',
    REDIS_URL: 'http://user:hunter2@redis',
    LOG_LEVEL: 'loud',
    HANDLER_TIMEOUT_MS: '0',
  })
  assert.deepEqual(await service.exit, { code: 78, signal: null })
  const message = await service.stderr
  for (const name of [
    ...['JWT_SECRET_KEY', 'CORS_ORIGINS', 'REDIS_URL', 'LOG_LEVEL', 'HANDLER_TIMEOUT_MS'],
    ...['POSTGRES_URL', 'MONGODB_URL'],
  ]) {
    assert.match(message, new RegExp(`^- ${name} `, 'm'))
  }
  for (const secret of ['a-short-secret', 'hunter2']) assert.ok(!message.includes(secret))
  assert.doesNotMatch(message, /^\s+at /m)
  assert.deepEqual(service.lines, [])
  assert.equal(await accepts(port), false)
})

test('a port in use ends it with 1 and one line that says so', async (t) => {
  const { url } = await createDatabase(t)
  const other = createServer((_request, response) => response.writeHead(404).end()).listen(0, '127.0.0.1')
  await once(other, 'listening')
  t.after(() => {
    other.closeAllConnections()
    other.close()
  })
  const { port } = other.address() as { port: number }
  const service = await startService(t, { POSTGRES_URL: url, PORT: String(port) })
  assert.deepEqual(await service.exit, { code: 1, signal: null })
  assert.equal(
    await service.stderr,
    `The service can not start: listen EADDRINUSE: address already in use 127.0.0.1:${port}\n`,
  )
})

test('HOST=localhost is one address, and stops like any other', async (t) => {
  const { url } = await createDatabase(t)
  const service = await startService(t, { POSTGRES_URL: url, HOST: 'localhost' })
  for (const host of ['localhost', '127.0.0.1']) {
    assert.equal((await fetch(`http://${host}:${service.port}/health/live`)).status, 200)
  }
  assert.deepEqual(await service.kill('SIGTERM', 3000), { code: 0, signal: null })
})
