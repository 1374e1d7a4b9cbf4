import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { AppError, errorNames, unavailable, validationError } from '#src/errors'
import { assertEnvelope } from '#test/envelope'
import { buildHttpApp } from '#test/http-app'
import { exchange, parseAnswer } from '#test/raw-http'

test('every error name is answered with its status, envelope and headers', async (t) => {
  const { app } = await buildHttpApp(t)
  app.get('/:name', async ({ params }) => {
    throw new AppError((params as { name: 'NotFoundError' }).name, 'In words')
  })
  for (const name of errorNames) {
    // Its `Allow` belongs to the routes, so it is tested with them.
    if (name === 'MethodNotAllowedError') continue
    const answer = await app.inject(`/${name}?secret=1`)
    const envelope = assertEnvelope(answer, name, `/${name}`)
    assert.equal(envelope.message, name === 'InternalServerError' ? 'Internal server error' : 'In words')
    assert.equal(
      answer.headers['www-authenticate']?.includes('error="invalid_token"') ?? false,
      name === 'InvalidTokenError',
    )
  }
})

test('whatever is thrown that is not ours is a 500 that says nothing, logged once with its stack', async (t) => {
  const { app, lines } = await buildHttpApp(t)
  const fault = Object.assign(new Error('secret host name'), {
    statusCode: 418,
    status: 404,
    code: 'FST_ERR_UNKNOWN',
    headers: { 'x-leak': '1' },
  })
  for (const [path, thrown] of [
    ['/error', fault],
    ['/null', null],
    ['/undefined', undefined],
    ['/string', 'secret host name'],
    ['/object', { statusCode: 400, message: 'secret host name' }],
    ['/code', { code: 'FST_ERR_CTP_BODY_TOO_LARGE' }],
  ] as const) {
    app.get(path, async () => {
      throw thrown
    })
    app.get(`/sync${path}`, () => {
      throw thrown
    })
  }
  for (const path of ['/error', '/null', '/undefined', '/string', '/object', '/code'].flatMap((p) => [
    p,
    `/sync${p}`,
  ])) {
    lines.length = 0
    const answer = await app.inject(path)
    assert.equal(assertEnvelope(answer, 'InternalServerError', path).message, 'Internal server error')
    assert.ok(!answer.body.includes('secret') && !('x-leak' in answer.headers))
    const faults = lines.filter((line) => line.level >= 50)
    assert.equal(faults.length, 1, path)
    assert.ok((faults[0]?.err as { stack: string } | undefined)?.stack)
  }
})

test('a fault in a hook, in a serializer or in an error status of the route is the same envelope', async (t) => {
  const { app } = await buildHttpApp(t)
  const odd = {
    type: 'object',
    required: ['message', 'odd'],
    properties: { message: { type: 'integer' }, odd: { type: 'string' } },
  }
  app.get('/model', { schema: { response: { 200: odd, '4xx': odd, '5xx': odd } } }, async () => ({}))
  app.get('/refused', { schema: { response: { 404: odd } } }, async () => {
    throw new AppError('NotFoundError', 'Not found')
  })
  app.get('/hook', { preHandler: async () => Promise.reject(new Error('secret')) }, async () => ({}))
  assertEnvelope(await app.inject('/model'), 'InternalServerError', '/model')
  assertEnvelope(await app.inject('/refused'), 'NotFoundError', '/refused')
  assertEnvelope(await app.inject('/hook'), 'InternalServerError', '/hook')
})

test('a store that is down is logged once as a warning with its cause, a refusal of the caller is not', async (t) => {
  const { app, lines } = await buildHttpApp(t)
  app.get('/down', async () => {
    throw unavailable('The service is temporarily unavailable', new Error('connection refused'), 2.2)
  })
  app.get('/refused', async () => {
    throw validationError('/x', 'rule', 'is wrong')
  })
  const down = await app.inject('/down')
  assertEnvelope(down, 'ServiceUnavailableError', '/down')
  assert.equal(down.headers['retry-after'], '3')
  const warnings = lines.filter((line) => line.level >= 40)
  assert.deepEqual(
    warnings.map((line) => (line.err as Error).message),
    ['connection refused'],
  )

  lines.length = 0
  assert.deepEqual(assertEnvelope(await app.inject('/refused'), 'ValidationError').data.errors, [
    { pointer: '/x', code: 'rule', message: 'is wrong' },
  ])
  assert.deepEqual(
    lines.filter((line) => line.level >= 40),
    [],
  )
})

test('a handler that outlives its time is a 504, also where there is a body, and its late end goes nowhere', async (t) => {
  const { app, lines, listen } = await buildHttpApp(t, { config: { HANDLER_TIMEOUT_MS: 50 } })
  app.route({ method: ['GET', 'POST'], url: '/slow/:id', handler: () => sleep(150, { late: true }) })
  app.get('/failing/:id', () => sleep(150).then(() => Promise.reject(new Error('late'))))
  const port = await listen()
  const head = 'HTTP/1.1\r\nhost: x\r\nconnection: close\r\n'
  const answers = await Promise.all([
    exchange(port, `GET /slow/1?q=secret ${head}\r\n`),
    exchange(port, `POST /slow/1?q=secret ${head}content-type: application/json\r\ncontent-length: 2\r\n\r\n{}`),
    exchange(port, `GET /failing/1?q=secret ${head}\r\n`),
  ])
  for (const answer of answers) {
    assert.equal(assertEnvelope(parseAnswer(answer), 'GatewayTimeoutError').message, 'The request took too long')
  }
  await sleep(200)
  assert.equal(lines.filter((line) => line.msg === 'Outgoing response').length, 3)
  assert.ok(!JSON.stringify(lines).includes('secret'))
})

test('a body that is too large, of another type or not JSON has its own name', async (t) => {
  const { app } = await buildHttpApp(t)
  app.post('/echo', async (request) => request.body)
  const post = (payload: string | Buffer, type: string | undefined = 'application/json') =>
    app.inject({ method: 'POST', url: '/echo', payload, headers: { 'content-type': type } })
  assertEnvelope(await post(`"${'a'.repeat(20_000)}"`), 'PayloadTooLargeError', '/echo')
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'nonsense', 'application/jsonx']) {
    assertEnvelope(await post('a=b', type), 'UnsupportedMediaTypeError', '/echo')
  }
  for (const body of [
    '{',
    '{"a":1}}',
    '{"__proto__":{}}',
    '{"constructor":{"prototype":{}}}',
    Buffer.from([0x22, 0xff, 0x22]),
  ]) {
    assertEnvelope(await post(body), 'MalformedRequestError', '/echo')
  }
})
