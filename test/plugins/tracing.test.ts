import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { json } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import { login, password, register, signUp, startApp } from '#test/app'
import { createDatabase } from '#test/postgres'
import { startService } from '#test/service'

interface Span {
  traceId: string
  spanId: string
  parentSpanId?: string
  name: string
  kind: number
  attributes: { key: string; value: { stringValue?: string; intValue?: number } }[]
  status: { code: number; message?: string }
}

interface Export {
  resourceSpans: { resource: { attributes: Span['attributes'] }; scopeSpans: { spans: Span[] }[] }[]
}

const SERVER = 2
const ERROR = 2
const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
const parentSpanId = '00f067aa0ba902b7'

/** A collector of traces (OTLP over HTTP) that keeps what it is sent, and can hang. */
async function startCollector(t: TestContext) {
  const received: Export[] = []
  const state = { hangs: false }
  const server = createServer(async (request, response) => {
    if (state.hangs) return
    assert.equal(request.url, '/v1/traces')
    received.push((await json(request)) as Export)
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as { port: number }
  return {
    url: `http://127.0.0.1:${port}`,
    received,
    state,
    spans: () =>
      received.flatMap(({ resourceSpans }) => resourceSpans.flatMap((r) => r.scopeSpans.flatMap((s) => s.spans))),
  }
}

const attributesOf = (span: Span) =>
  Object.fromEntries(span.attributes.map(({ key, value }) => [key, value.stringValue ?? value.intValue]))

test('a request is a span under the span of its caller, and its log lines carry the id of the trace', async (t) => {
  const collector = await startCollector(t)
  const { app, lines } = await startApp(t, { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, LOG_LEVEL: 'debug' })
  const headers = { traceparent: `00-${traceId}-${parentSpanId}-01`, 'x-correlation-id': 'mine' }
  await app.inject({ url: '/api/v1/errors?q=secret', headers })
  await app.inject({ url: '/api/v1/users/me', headers: { 'x-correlation-id': 'root' } })
  await app.close()

  const requests = collector.spans().filter(({ kind }) => kind === SERVER)
  assert.deepEqual(
    requests.map(({ name }) => name),
    ['GET /api/v1/errors', 'GET /api/v1/users/me'],
  )
  const [child, root] = requests as [Span, Span]
  assert.equal(child.traceId, traceId)
  assert.equal(child.parentSpanId, parentSpanId)
  assert.deepEqual(
    Object.entries(attributesOf(child))
      .filter(([key]) => key !== 'fastify.root')
      .sort(),
    [
      ['correlation_id', 'mine'],
      ['http.request.method', 'GET'],
      ['http.response.status_code', 200],
      ['http.route', '/api/v1/errors'],
      ['url.path', '/api/v1/errors'],
    ],
  )
  const handler = collector.spans().find((span) => span.parentSpanId === child.spanId)
  assert.equal(handler?.traceId, traceId)
  assert.equal(root.parentSpanId ?? '', '')
  assert.equal(attributesOf(root)['http.response.status_code'], 401)
  assert.notEqual(root.status.code, ERROR, 'a 4xx is no error of the service')

  for (const [id, trace] of [
    ['mine', traceId],
    ['root', root.traceId],
  ] as const) {
    const own = lines.filter(({ correlationId }) => correlationId === id)
    assert.ok(own.some(({ msg }) => msg === 'Incoming request') && own.some(({ msg }) => msg === 'Outgoing response'))
    for (const line of own) assert.equal(line.traceId, trace, `${line.msg}`)
  }
  const [resource] = collector.received[0]?.resourceSpans ?? []
  assert.ok(
    resource?.resource.attributes.some(({ key, value }) => key === 'service.name' && value.stringValue === 'gatehouse'),
  )
})

test('a caller that does not sample is not traced, and its trace is in the log all the same', async (t) => {
  const collector = await startCollector(t)
  const { app, lines } = await startApp(t, { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url })
  const unsampled = `00-${traceId}-${parentSpanId}-00`
  await app.inject({ url: '/api/v1/errors', headers: { traceparent: unsampled } })
  for (const traceparent of [
    '',
    'nonsense',
    `00-${'0'.repeat(32)}-${parentSpanId}-01`,
    `ff-${traceId}-${parentSpanId}-01`,
  ]) {
    assert.equal((await app.inject({ url: '/api/versions', headers: { traceparent } })).statusCode, 200)
  }
  await app.inject('/health')
  await app.inject('/metrics')
  await app.close()
  const spans = collector.spans().filter(({ kind }) => kind === SERVER)
  assert.equal(spans.length, 4, 'what can not be read is ignored, and probes are not traced')
  assert.ok(spans.every((span) => span.traceId !== traceId))
  assert.ok(lines.some((line) => line.traceId === traceId))
})

test('no span holds a password, a token, an address or a message of an error', async (t) => {
  const collector = await startCollector(t)
  const { app } = await startApp(t, { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url })
  const { email } = await register(app)
  await app.inject({ method: 'POST', url: '/api/v1/auth/register', payload: { email, password, fullName: 'Ada' } })
  await login(app, email, { password: `${password}!` })
  const session = await signUp(app)
  await session.as('GET', `/api/v1/users/me?token=${session.accessToken}`)
  app.accounts.register = async () => {
    throw new Error(`the fault of ${email}`)
  }
  const { statusCode } = await app.inject({
    method: 'POST',
    url: '/api/v1/auth/register',
    payload: { email: 'x@y.zz', password, fullName: 'A' },
  })
  assert.equal(statusCode, 500)
  await app.close()
  const text = JSON.stringify(collector.received)
  for (const secret of [email, session.email, password, session.accessToken, session.refreshToken, 'the fault of']) {
    assert.ok(!text.includes(secret), secret)
  }
  const fault = collector.spans().find((span) => attributesOf(span)['http.response.status_code'] === 500)
  assert.equal(fault?.status.code, ERROR)
})

test('a collector that hangs or is away costs no request, holds up no stop, and is logged once', async (t) => {
  const collector = await startCollector(t)
  collector.state.hangs = true
  for (const url of [collector.url, 'http://127.0.0.1:1']) {
    const { app, lines } = await startApp(t, { OTEL_EXPORTER_OTLP_ENDPOINT: url })
    assert.equal((await app.inject('/api/v1/errors')).statusCode, 200)
    const startedAt = performance.now()
    await app.close()
    assert.ok(performance.now() - startedAt < 3500)
    assert.ok(lines.filter(({ msg }) => msg === 'Traces can not be sent').length <= 1)
  }
})

test('without an endpoint nothing of OpenTelemetry is loaded', async (t) => {
  const { url } = await startCollector(t)
  const database = await createDatabase(t)
  const tellLoads = `import { registerHooks } from 'node:module'
    registerHooks({ load(url, context, next) {
      if (/@fastify.otel|opentelemetry.sdk-trace/.test(url)) process.stderr.write(url)
      return next(url, context)
    } })`
  const loaded = async (environment: Record<string, string>) => {
    const NODE_OPTIONS = `--import=data:text/javascript,${encodeURIComponent(tellLoads)}`
    const service = await startService(t, { NODE_OPTIONS, POSTGRES_URL: database.url, ...environment })
    await service.kill('SIGTERM')
    return service.stderr
  }
  assert.equal(await loaded({}), '')
  assert.match(await loaded({ OTEL_EXPORTER_OTLP_ENDPOINT: url }), /otel.*sdk-trace/s)
})
