import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { newEmail, password, until } from '#test/app'
import { createDatabase } from '#test/postgres'
import { openRaw, type RawConnection } from '#test/raw-http'
import { type Service, startService } from '#test/service'

/** The service on a database of its own, on which registrations can be held up. */
async function start(t: TestContext, environment: Record<string, string> = {}) {
  const { url } = await createDatabase(t)
  const service = await startService(t, {
    POSTGRES_URL: url,
    POSTGRES_LOCK_TIMEOUT_MS: '20000',
    POSTGRES_STATEMENT_TIMEOUT_MS: '20000',
    ...environment,
  })
  await service.ready()
  return { service, url }
}

/** Sends a registration that is not answered until the returned function is called. */
async function requestInFlight(t: TestContext, service: Service, url: string) {
  const client = new pg.Client(url)
  await client.connect()
  client.on('error', () => {})
  t.after(() => client.end())
  await client.query('begin; lock table users in access exclusive mode')
  const connection = await openRaw(service.port)
  const body = JSON.stringify({ email: newEmail(), password, fullName: 'Ada Lovelace' })
  connection.socket.write(
    `POST /api/v1/auth/register HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
  )
  await until(async () => {
    const { rows } = await client.query('select 1 from pg_locks where not granted')
    return rows.length > 0
  }, 'the request waits for the lock')
  return { connection, finish: () => client.query('commit') }
}

async function idleConnection(service: Service): Promise<RawConnection> {
  const connection = await openRaw(service.port)
  connection.socket.write('GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n')
  await until(() => connection.received().includes('alive'), 'the connection is idle')
  return connection
}

const messages = (service: Service) => service.lines.map(({ msg }) => msg)

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test(`${signal}: requests in flight are finished, and then the process ends with 0 within a second`, async (t) => {
    const { service, url } = await start(t)
    const idle = await idleConnection(service)
    const silent = await openRaw(service.port)
    const { connection, finish } = await requestInFlight(t, service, url)
    service.signal(signal)
    await until(() => messages(service).includes('Application shutting down'), 'the stop has begun')
    await sleep(300)
    await finish()
    const finishedAt = performance.now()
    assert.match(await connection.ended(), /^HTTP\/1\.1 201 Created[\s\S]*connection: close/i)
    assert.deepEqual(await service.exit, { code: 0, signal: null })
    assert.ok(performance.now() - finishedAt < 1000, `${performance.now() - finishedAt} ms`)
    await Promise.all([idle.ended(), silent.ended()])
    assert.equal(await service.stderr, '')
  })
}

test('the log tells the life of the process, and sums up its end in one line', async (t) => {
  const { service } = await start(t)
  await service.kill('SIGTERM')
  const life = [
    'Application starting',
    'PostgreSQL connected',
    'Application shutting down',
    'PostgreSQL connection closed',
  ]
  assert.deepEqual(
    service.lines.filter(({ msg }) => life.includes(msg ?? '')).map(({ msg, level }) => [msg, level]),
    life.map((msg) => [msg, 30]),
  )
  const summaries = service.lines.filter(({ msg }) => msg === 'Application stopped')
  assert.equal(summaries.length, 1)
  assert.equal(summaries[0]?.signal, 'SIGTERM')
  assert.equal(typeof summaries[0]?.durationMs, 'number')
  assert.equal(service.lines.at(-1), summaries[0])
})

test('during the grace, requests are served while the probes say that it stops', async (t) => {
  const { service } = await start(t, { SHUTDOWN_GRACE_MS: '1500' })
  service.signal('SIGTERM')
  const sentAt = performance.now()
  const status = async (path: string) => (await fetch(service.url + path)).status
  await until(async () => (await status('/health/ready')) === 503, 'readiness says so', 500)
  assert.equal(await status('/health'), 503)
  assert.equal(await status('/health/live'), 200)
  while (performance.now() - sentAt < 1200) {
    const answer = await fetch(`${service.url}/api/v1/errors`)
    assert.equal(answer.status, 200)
    assert.equal(answer.headers.get('connection'), 'close')
    await answer.text()
    await sleep(50)
  }
  assert.deepEqual(await service.exit, { code: 0, signal: null })
  const took = performance.now() - sentAt
  assert.ok(took > 1400 && took < 2600, `${took} ms`)
})

test('a second signal ends the process at once, with 1', async (t) => {
  const { service } = await start(t, { SHUTDOWN_GRACE_MS: '20000' })
  service.signal('SIGTERM')
  await until(() => messages(service).includes('Application shutting down'), 'the stop has begun')
  const startedAt = performance.now()
  assert.deepEqual(await service.kill('SIGINT'), { code: 1, signal: null })
  assert.ok(performance.now() - startedAt < 1000)
  assert.equal(messages(service).at(-1), 'Application killed by a second signal')
})

test('what takes longer than the time for a stop ends with 1', async (t) => {
  const { service, url } = await start(t, { SHUTDOWN_TIMEOUT_MS: '500', SHUTDOWN_GRACE_MS: '200' })
  const { connection } = await requestInFlight(t, service, url)
  const startedAt = performance.now()
  assert.deepEqual(await service.kill('SIGTERM'), { code: 1, signal: null })
  const took = performance.now() - startedAt
  assert.ok(took > 650 && took < 1700, `${took} ms`)
  assert.equal(messages(service).at(-1), 'Application killed: it did not stop in time')
  await connection.ended()
})

test('an uncaught error lets requests in flight finish, and ends the process with 1', async (t) => {
  const throwsOnSignal = `process.on('SIGWINCH', () => { throw new Error('the reason') })`
  const { service, url } = await start(t, {
    NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(throwsOnSignal)}`,
  })
  const { connection, finish } = await requestInFlight(t, service, url)
  service.signal('SIGWINCH')
  await until(() => messages(service).includes('Application shutting down'), 'the stop has begun')
  await finish()
  assert.match(await connection.ended(), /^HTTP\/1\.1 201 Created/)
  assert.deepEqual(await service.exit, { code: 1, signal: null })
  const [fatal, ...more] = service.lines.filter(({ level }) => Number(level) >= 50)
  assert.equal(fatal?.msg, 'Uncaught error')
  assert.match(JSON.stringify(fatal?.err), /the reason/)
  assert.deepEqual(more, [])
})
