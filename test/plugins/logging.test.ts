import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { RouteHandlerMethod } from 'fastify'
import { AppError } from '#src/errors'
import { buildHttpApp, type LogLine } from '#test/http-app'
import { openRaw } from '#test/raw-http'

const completions = (lines: LogLine[]) => lines.filter((line) => line.msg === 'Outgoing response')

test('each request has one flat completion line, and its template as route', async (t) => {
  const { app, lines } = await buildHttpApp(t)
  app.get('/users/:id', async (request) => {
    Object.assign(request, { principal: { user: { id: 'u1' } } })
    return { ok: true }
  })
  await app.inject({ url: '/users/1?token=secret', headers: { 'x-correlation-id': 'mine' } })
  const [line, ...more] = completions(lines)
  assert.deepEqual(more, [])
  assert.ok(line)
  const { time, pid, hostname, durationMs, ...rest } = line
  assert.deepEqual(rest, {
    level: 30,
    correlationId: 'mine',
    method: 'GET',
    path: '/users/1',
    route: '/users/:id',
    statusCode: 200,
    userId: 'u1',
    msg: 'Outgoing response',
  })
  assert.match(String(durationMs), /^\d+(\.\d{1,2})?$/)
  assert.ok(
    lines.some((debug) => debug.msg === 'Incoming request' && debug.level === 20 && debug.correlationId === 'mine'),
  )
  assert.ok(!JSON.stringify(lines).includes('secret'))
})

test('a refusal and an unknown path are info', async (t) => {
  const { app, lines } = await buildHttpApp(t)
  app.get('/refused', async () => {
    throw new AppError('ForbiddenError', 'Not allowed')
  })
  await app.inject('/refused')
  await app.inject('/nothing')
  assert.deepEqual(
    completions(lines).map(({ level, statusCode, route }) => ({ level, statusCode, route })),
    [
      { level: 30, statusCode: 403, route: '/refused' },
      { level: 30, statusCode: 404, route: 'unknown' },
    ],
  )
})

test('a client that hangs up while the handler works leaves one line, at info', async (t) => {
  const { app, lines, listen } = await buildHttpApp(t)
  app.route({
    method: ['GET', 'POST'],
    url: '/slow',
    async handler() {
      await sleep(150)
      return { ok: true }
    },
  })
  const port = await listen()
  const body = 'content-type: application/json\r\ncontent-length: 2\r\n\r\n{}'
  for (const request of ['GET /slow HTTP/1.1\r\nhost: x\r\n\r\n', `POST /slow HTTP/1.1\r\nhost: x\r\n${body}`]) {
    lines.length = 0
    const connection = await openRaw(port)
    connection.socket.write(request)
    await sleep(50)
    connection.socket.destroy()
    await sleep(200)
    assert.deepEqual(
      completions(lines).map(({ level, statusCode }) => [level, statusCode]),
      [[30, 499]],
    )
    assert.deepEqual(
      lines.filter((line) => line.level >= 40),
      [],
    )
  }
})

test('a well-formed correlation id comes back, any other is replaced', async (t) => {
  const { app } = await buildHttpApp(t)
  app.get('/ok', async () => ({ ok: true }))
  const sent = async (id: string, url = '/ok') =>
    (await app.inject({ url, headers: { 'x-correlation-id': id } })).headers['x-correlation-id']
  for (const id of ['a', 'A.b_c-9', 'x'.repeat(128)]) {
    assert.equal(await sent(id), id)
    assert.equal(await sent(id, '/nothing'), id)
  }
  for (const id of ['', ' ', 'x'.repeat(129), 'a"b', 'a,b', 'ä', 'a\tb']) {
    assert.match(String(await sent(id)), /^[0-9a-f]{8}-[0-9a-f]{4}-7/)
  }
})

test('a route may replace a security header', async (t) => {
  const { app } = await buildHttpApp(t)
  app.get('/page', (_request, reply) => reply.header('cache-control', 'max-age=60').send({}))
  const { headers } = await app.inject('/page')
  assert.equal(headers['cache-control'], 'max-age=60')
  assert.equal(headers['x-content-type-options'], 'nosniff')
})

test('a route has its own level where it sets one, and lines of a request all have its id', async (t) => {
  const { app, lines } = await buildHttpApp(t)
  const handler: RouteHandlerMethod = async ({ log }) => {
    log.info('told')
    log.child({ more: 1 }).warn('told, with more')
    return {}
  }
  app.get('/usual', handler)
  app.get('/quiet', { logLevel: 'warn' }, handler)
  for (const url of ['/usual', '/quiet']) await app.inject({ url, headers: { 'x-correlation-id': url.slice(1) } })
  assert.deepEqual(
    lines.filter(({ msg }) => msg.startsWith('told')).map(({ msg, more, correlationId }) => [msg, more, correlationId]),
    [
      ['told', undefined, 'usual'],
      ['told, with more', 1, 'usual'],
      ['told, with more', 1, 'quiet'],
    ],
  )
})
