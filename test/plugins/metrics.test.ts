import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import { loginReasons, refreshReasons, registrationReasons } from '#src/business-metrics'
import { overloadReasons } from '#src/overload'
import { policyNames } from '#src/rate-limits'
import { refusalReasons } from '#src/refusals'
import { login, password, signUp, startApp, until } from '#test/app'
import { assertEnvelope } from '#test/envelope'
import { startCluster } from '#test/postgres'
import { exchange, openRaw } from '#test/raw-http'
import { programOnPath, requireStore } from '#test/stores'

const token = 'a-token-for-scrapes'
const production = {
  NODE_ENV: 'production',
  MIGRATE_ON_START: 'true',
  REDIS_URL: 'redis://127.0.0.1:1/0',
  MONGODB_URL: 'mongodb://127.0.0.1:1/gatehouse',
}

async function scrape(app: FastifyInstance): Promise<string> {
  const answer = await app.inject('/metrics')
  assert.equal(answer.statusCode, 200)
  return answer.body
}

/** The value of a series as it stands in the exposition; `undefined` where it is not. */
function readSeries(exposition: string, series: string): number | undefined {
  const line = exposition.split('\n').find((each) => each.startsWith(`${series} `))
  return line === undefined ? undefined : Number(line.slice(series.length + 1))
}

/** How often a kind of request was counted, over all routes and methods. */
function requests(exposition: string, statusCode: number): number {
  return [...exposition.matchAll(/^http_request_duration_seconds_count\{.*status_code="(\d+)"\} (\d+)$/gm)]
    .filter(([, status]) => status === String(statusCode))
    .reduce((sum, [, , count]) => sum + Number(count), 0)
}

async function listen(t: TestContext, environment: Record<string, string> = {}) {
  const { app, ...rest } = await startApp(t, environment)
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as { port: number }
  return { app, port, ...rest }
}

test('every counter is there from the start, at 0 for each of its label values', async (t) => {
  const { app } = await startApp(t)
  const exposition = await scrape(app)
  const outcomes = {
    user_registrations: registrationReasons,
    login_attempts: loginReasons,
    token_refreshes: refreshReasons,
  }
  for (const [name, reasons] of Object.entries(outcomes)) {
    for (const reason of reasons) {
      const status = reason === 'none' ? 'success' : 'failure'
      assert.equal(
        readSeries(exposition, `${name}_total{status="${status}",reason="${reason}"}`),
        0,
        `${name} ${reason}`,
      )
    }
  }
  for (const policy of policyNames) {
    assert.equal(readSeries(exposition, `rate_limit_rejections_total{policy="${policy}"}`), 0)
  }
  for (const reason of overloadReasons) {
    assert.equal(readSeries(exposition, `overload_rejections_total{reason="${reason}"}`), 0)
  }
  for (const reason of refusalReasons)
    assert.equal(readSeries(exposition, `http_rejected_total{reason="${reason}"}`), 0)
  assert.equal(readSeries(exposition, 'audit_events_relayed_total'), 0)
  assert.equal(readSeries(exposition, 'password_hash_queue_depth'), 0)
  assert.equal(readSeries(exposition, 'dependency_up{dependency="postgres"}'), 1)
  assert.match(exposition, /^build_info\{version="[^"]+"\} 1$/m)
  assert.match(exposition, /^# HELP user_registrations_total Total user registrations$/m)
  assert.match(exposition, /^# HELP login_attempts_total Total login attempts$/m)
})

test('promtool has nothing to say about a scrape', async (t) => {
  const promtool = programOnPath('promtool')
  if (!requireStore(t, 'promtool', promtool !== null) || promtool === null) return
  const { app } = await startApp(t)
  await signUp(app)
  const child = spawn(promtool, ['check', 'metrics'])
  let said = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (said += chunk))
  child.stdin.end(await scrape(app))
  const code = await new Promise((resolve) => child.once('close', resolve))
  assert.deepEqual({ code, said }, { code: 0, said: '' })
})

test('registrations, logins and refreshes are counted with their outcome', async (t) => {
  const { app } = await startApp(t)
  const { email, refreshToken } = await signUp(app)
  await login(app, email, { password: `${password}!` })
  await app.inject({ method: 'POST', url: '/api/v1/auth/refresh', payload: { refreshToken } })
  await app.inject({ method: 'POST', url: '/api/v1/auth/refresh', payload: { refreshToken: 'no token' } })
  const exposition = await scrape(app)
  for (const series of [
    'user_registrations_total{status="success",reason="none"}',
    'login_attempts_total{status="success",reason="none"}',
    'login_attempts_total{status="failure",reason="invalid_credentials"}',
    'token_refreshes_total{status="success",reason="none"}',
    'token_refreshes_total{status="failure",reason="invalid"}',
  ]) {
    assert.equal(readSeries(exposition, series), 1, series)
  }
  assert.ok(Number(readSeries(exposition, 'password_hash_seconds_count')) >= 3)
})

test('each request is counted once, however it ended', async (t) => {
  const { app, port } = await listen(t, {
    BODY_LIMIT_BYTES: '1024',
    RATE_LIMIT_REGISTER: '1/60',
    HANDLER_TIMEOUT_MS: '300',
  })
  const send = (head: string, body = '') =>
    exchange(
      port,
      `${head}\r\nhost: x\r\nconnection: close\r\n${body && `content-length: ${Buffer.byteLength(body)}\r\n`}\r\n${body}`,
    )
  const json = 'HTTP/1.1\r\ncontent-type: application/json'
  await send('GET /nothing HTTP/1.1')
  await send('DELETE /health HTTP/1.1')
  await send('POST /api/v1/auth/login HTTP/1.1\r\ncontent-type: text/plain', 'text')
  await send(`POST /api/v1/auth/login ${json}`, 'x'.repeat(2000))
  await send(`POST /api/v1/auth/login ${json}`, '{')
  await send(`POST /api/v1/auth/register ${json}`, '{"email":1}')
  await send(`POST /api/v1/auth/register ${json}`, '{"email":1}')
  await send('HEAD /health HTTP/1.1')
  app.sessions.login = () => sleep(600) as never
  await send(`POST /api/v1/auth/login ${json}`, JSON.stringify({ email: 'a@example.com', password }))

  const exposition = await scrape(app)
  const counted = Object.fromEntries(
    [404, 405, 415, 413, 429, 504, 200].map((status) => [status, requests(exposition, status)]),
  )
  assert.deepEqual(counted, { 404: 1, 405: 1, 415: 1, 413: 1, 429: 1, 504: 1, 200: 1 })
  assert.equal(requests(exposition, 400), 2)
  assert.match(exposition, /_count\{method="HEAD",route="\/health",status_code="200"\} 1$/m)
  for (const reason of refusalReasons)
    assert.equal(readSeries(exposition, `http_rejected_total{reason="${reason}"}`), 0)
})

test('a client that hangs up is counted once, under the status that the log gives it', async (t) => {
  const { app, port, lines } = await listen(t)
  const body = JSON.stringify({ email: 'a@example.com', password })
  app.sessions.login = () => sleep(200) as never
  const connection = await openRaw(port)
  connection.socket.write(
    `POST /api/v1/auth/login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
  )
  await sleep(50)
  connection.socket.destroy()
  await until(
    () => lines.some(({ msg, statusCode }) => msg === 'Outgoing response' && statusCode === 499),
    'it is logged',
  )
  await sleep(300)
  const counts = (await scrape(app)).match(/^http_request_duration_seconds_count\{.*login.*$/gm)
  assert.deepEqual(counts, [
    'http_request_duration_seconds_count{method="POST",route="/api/v1/auth/login",status_code="499"} 1',
  ])
})

test('what never reaches a route is counted by reason, once', async (t) => {
  const { app, port } = await listen(t, { REQUEST_TIMEOUT_MS: '400' })
  const bad = {
    bad_url: 'GET /%zz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n',
    url_too_long: `DELETE /api/v1/users/me/sessions/${'1'.repeat(101)} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`,
    malformed_http: 'rubbish\r\n\r\n',
    headers_too_large: `GET / HTTP/1.1\r\nhost: x\r\nx: ${'x'.repeat(20_000)}\r\n\r\n`,
    request_timeout: 'GET / HTTP/1.1\r\nho',
  } satisfies Record<(typeof refusalReasons)[number], string>
  await Promise.all(Object.values(bad).map((bytes) => exchange(port, bytes)))
  const exposition = await scrape(app)
  for (const reason of refusalReasons) {
    assert.equal(readSeries(exposition, `http_rejected_total{reason="${reason}"}`), 1, reason)
  }
  assert.ok(!exposition.includes('http_request_duration_seconds_count'))
})

test('10,000 requests to random paths and methods add one route', async (t) => {
  const { app } = await startApp(t)
  const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS', 'TRACE', 'PROPFIND', 'MKCOL'] as const
  for (let batch = 0; batch < 100; batch += 1) {
    await Promise.all(
      Array.from({ length: 100 }, (_, n) =>
        app.inject({
          method: methods[n % methods.length] as 'GET',
          url: `/${Math.random().toString(36).slice(2)}/${batch}-${n}?q=${n}`,
        }),
      ),
    )
  }
  const exposition = await scrape(app)
  const routes = new Set([...exposition.matchAll(/route="([^"]*)"/g)].map(([, route]) => route))
  assert.deepEqual([...routes], ['unknown'])
  assert.equal(requests(exposition, 404), 10_000)
})

test('the outbox gauges show what waits at the time of the scrape', async (t) => {
  const { app } = await startApp(t)
  await until(async () => readSeries(await scrape(app), 'audit_outbox_pending') === 0, 'the outbox is empty')
  const backlog = { pending: 7, oldestSeconds: 12 }
  app.instruments.registry.removeSingleMetric('audit_outbox_pending')
  app.instruments.registry.removeSingleMetric('audit_outbox_oldest_seconds')
  app.instruments.auditBacklog(async () => backlog)
  const exposition = await scrape(app)
  assert.equal(readSeries(exposition, 'audit_outbox_pending'), 7)
  assert.equal(readSeries(exposition, 'audit_outbox_oldest_seconds'), 12)
})

test('a PostgreSQL that hangs keeps no scrape waiting, and the outbox gauges keep their last values', async (t) => {
  const cluster = await startCluster(t)
  const { app } = await startApp(t, { POSTGRES_URL: cluster.url })
  await signUp(app)
  await until(async () => readSeries(await scrape(app), 'audit_outbox_pending') === 0, 'the outbox is empty')
  cluster.signal('SIGSTOP')
  t.after(() => cluster.signal('SIGCONT'))
  const startedAt = performance.now()
  const expositions = await Promise.all(Array.from({ length: 5 }, () => scrape(app)))
  assert.ok(performance.now() - startedAt < 900, `${performance.now() - startedAt} ms`)
  for (const exposition of expositions) assert.equal(readSeries(exposition, 'audit_outbox_pending'), 0)
  await until(async () => readSeries(await scrape(app), 'dependency_up{dependency="postgres"}') === 0, 'it is seen')
})

test('with a token, the metrics are for those who send it', async (t) => {
  const { app } = await startApp(t, { METRICS_TOKEN: token })
  const ask = (authorization?: string) =>
    app.inject({ url: '/metrics', headers: authorization === undefined ? {} : { authorization } })
  assert.equal((await ask(`Bearer ${token}`)).statusCode, 200)
  assertEnvelope(await ask(), 'AuthenticationRequiredError', '/metrics')
  for (const wrong of ['Bearer wrong', `Bearer ${token}x`, `Basic ${token}`, token]) {
    assertEnvelope(await ask(wrong), 'InvalidTokenError', '/metrics')
  }
})

test('HEAD has the headers of GET and no body', async (t) => {
  const { app } = await startApp(t)
  const answer = await app.inject({ method: 'HEAD', url: '/metrics' })
  assert.equal(answer.statusCode, 200)
  assert.equal(answer.headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8')
  assert.equal(answer.body, '')
})

test('in production there are no metrics without a token', async (t) => {
  const { app: without } = await startApp(t, production)
  for (const authorization of ['', `Bearer ${token}`]) {
    assertEnvelope(await without.inject({ url: '/metrics', headers: { authorization } }), 'NotFoundError', '/metrics')
  }
  const { app } = await startApp(t, { ...production, METRICS_TOKEN: token })
  assertEnvelope(await app.inject('/metrics'), 'AuthenticationRequiredError', '/metrics')
  assert.equal((await app.inject({ url: '/metrics', headers: { authorization: `Bearer ${token}` } })).statusCode, 200)
})
