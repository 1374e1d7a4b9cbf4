import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { assertEnvelope } from '#test/envelope'
import { buildHttpApp } from '#test/http-app'
import { exchange, openRaw, parseAnswer } from '#test/raw-http'

const shortTimeouts = {
  requestTimeout: 600,
  http: { headersTimeout: 300, connectionsCheckingInterval: 50 },
}

async function start(t: Parameters<typeof buildHttpApp>[0], options = {}) {
  const { app, lines, listen } = await buildHttpApp(t, { options })
  const reasons: string[] = []
  app.refusals.on('refused', (reason) => reasons.push(reason))
  app.get('/ok', async () => ({ ok: true }))
  app.get('/users/:id', async () => ({ ok: true }))
  app.get('/slow', async () => {
    await sleep(200)
    return { ok: true }
  })
  app.get('/stream', async (_request, reply) => {
    reply.raw.writeHead(200, { 'content-type': 'text/plain' })
    reply.raw.write('begun')
    return reply.hijack()
  })
  app.post('/echo', async (request) => request.body)
  return { app, lines, reasons, port: await listen() }
}

test('bytes that are not HTTP are answered with the envelope, once, and the connection is closed', async (t) => {
  const { port, reasons, lines } = await start(t)
  for (const bytes of [
    'hello there\r\n\r\n',
    'GET /ok HTTP/9.9\r\nhost: x\r\n\r\n',
    'POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
    'GET /ok HTTP/1.1\r\nhost: x\r\nbad header: 1\r\n\r\n',
    'GET /ok HTTP/1.1\r\nhost: x\r\nx: \u0000\r\n\r\n',
  ]) {
    const answer = parseAnswer(await exchange(port, bytes))
    const envelope = assertEnvelope(answer, 'MalformedRequestError', '')
    assert.equal(answer.headers.connection, 'close')
    assert.ok(lines.some((line) => line.correlationId === envelope.correlationId))
  }
  assert.deepEqual([...new Set(reasons)], ['malformed_http'])
  assert.equal(reasons.length, 5)
})

test('too many header bytes are 431 and a URL that fills them is 414', async (t) => {
  const { port, reasons } = await start(t)
  const long = 'a'.repeat(20_000)
  assertEnvelope(
    parseAnswer(await exchange(port, `GET /ok HTTP/1.1\r\nhost: x\r\nx: ${long}\r\n\r\n`)),
    'HeadersTooLargeError',
    '',
  )
  assertEnvelope(parseAnswer(await exchange(port, `GET /${long} HTTP/1.1\r\nhost: x\r\n\r\n`)), 'UriTooLongError', '')
  assertEnvelope(
    parseAnswer(await exchange(port, `GET /ok HTTP/1.1\r\nhost: x\r\nx: ${'a'.repeat(500_000)}\r\n\r\n`)),
    'HeadersTooLargeError',
    '',
  )
  assert.deepEqual(reasons, ['headers_too_large', 'url_too_long', 'headers_too_large'])
})

test('headers that do not come in time are 408 with an empty path', async (t) => {
  const { port, reasons } = await start(t, shortTimeouts)
  assertEnvelope(parseAnswer(await exchange(port, 'GET /ok HTTP/1.1\r\nhost')), 'RequestTimeoutError', '')
  assert.deepEqual(reasons, ['request_timeout'])
})

test('a body that does not come in time is 408 through the hooks, with the path and id of its request', async (t) => {
  const { port, lines, reasons } = await start(t, shortTimeouts)
  const answer = parseAnswer(
    await exchange(
      port,
      'POST /echo?q=1 HTTP/1.1\r\nhost: x\r\nx-correlation-id: mine\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{"a"',
    ),
  )
  assert.equal(assertEnvelope(answer, 'RequestTimeoutError', '/echo').correlationId, 'mine')
  const completions = lines.filter((line) => line.msg === 'Outgoing response')
  assert.deepEqual(
    completions.map((line) => [line.statusCode, line.correlationId]),
    [[408, 'mine']],
  )
  assert.deepEqual(reasons, [], 'the hooks saw it')
})

test('a broken chunk is 400 with the path of its request', async (t) => {
  const { port, lines } = await start(t)
  const head = 'POST /echo HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n'
  const connection = await openRaw(port)
  connection.socket.write(head)
  await sleep(50)
  connection.socket.write('zz\r\n{}\r\n')
  assertEnvelope(parseAnswer(await connection.ended()), 'MalformedRequestError', '/echo')
  assert.equal(lines.filter((line) => line.msg === 'Outgoing response').length, 1)
  assertEnvelope(parseAnswer(await exchange(port, `${head}zz\r\n{}\r\n`)), 'MalformedRequestError')
})

test('rubbish behind a request waits for the answer to that request', async (t) => {
  const { port } = await start(t)
  const text = await exchange(port, 'GET /slow HTTP/1.1\r\nhost: x\r\n\r\nrubbish\r\n\r\n')
  const second = text.indexOf('HTTP/1.1', 1)
  assert.match(text.slice(0, second), /^HTTP\/1.1 200 OK[\s\S]*{"ok":true}$/)
  assertEnvelope(parseAnswer(text.slice(second)), 'MalformedRequestError', '')
})

test('an answer that has begun is not written into', async (t) => {
  const { port, app } = await start(t)
  const connection = await openRaw(port)
  connection.socket.write('GET /stream HTTP/1.1\r\nhost: x\r\n\r\n')
  await once(connection.socket, 'data')
  connection.socket.write('rubbish\r\n\r\n')
  await sleep(100)
  assert.ok(!connection.received().includes('MalformedRequestError'))
  connection.socket.destroy()
  await connection.ended()
  assert.equal((await app.inject('/ok')).statusCode, 200)
})

test('a client that resets its connection is no error of the service', async (t) => {
  const { port, lines } = await start(t)
  const connection = await openRaw(port)
  connection.socket.write(
    'POST /echo HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{"a"',
  )
  await sleep(50)
  connection.socket.resetAndDestroy()
  await sleep(100)
  assert.deepEqual(
    lines.filter((line) => line.level >= 40),
    [],
  )
  const completions = lines.filter((line) => line.msg === 'Outgoing response')
  assert.deepEqual(
    completions.map((line) => [line.statusCode, line.level]),
    [[499, 30]],
  )
})

test('HTTP/1.1 without Host is 400 and an unknown expectation is ignored', async (t) => {
  const { port } = await start(t)
  const answer = await exchange(port, 'GET /ok HTTP/1.1\r\nconnection: close\r\n\r\n')
  assertEnvelope(parseAnswer(answer), 'MalformedRequestError', '/ok')
  const expecting = await exchange(port, 'GET /ok HTTP/1.1\r\nhost: x\r\nexpect: zzz\r\nconnection: close\r\n\r\n')
  assert.match(expecting, /^HTTP\/1.1 200 OK/)
})

test('a URL that the router can not read is refused with the envelope, the headers and a completion line', async (t) => {
  const { app, lines, reasons } = await start(t)
  for (const [url, name, path] of [
    ['/%zz?token=secret', 'MalformedRequestError', '/%zz'],
    ['/users/%c0%80', 'MalformedRequestError', '/users/%c0%80'],
    [`/users/${'1'.repeat(101)}`, 'UriTooLongError', `/users/${'1'.repeat(101)}`],
  ] as const) {
    lines.length = 0
    const answer = await app.inject({ url, headers: { 'x-correlation-id': 'mine' } })
    assert.equal(assertEnvelope(answer, name, path).correlationId, 'mine')
    const completions = lines.filter((line) => line.msg === 'Outgoing response')
    assert.equal(completions.length, 1)
    assert.deepEqual(
      { ...completions[0], durationMs: 0 },
      {
        ...completions[0],
        correlationId: 'mine',
        method: 'GET',
        path,
        route: 'unknown',
        statusCode: answer.statusCode,
        durationMs: 0,
      },
    )
  }
  assert.deepEqual(reasons, ['bad_url', 'bad_url', 'url_too_long'])
})
