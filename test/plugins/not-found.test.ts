import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assertEnvelope } from '#test/envelope'
import { buildHttpApp } from '#test/http-app'
import { exchange, parseAnswer } from '#test/raw-http'

async function start(t: Parameters<typeof buildHttpApp>[0]) {
  const built = await buildHttpApp(t)
  const handler = async () => ({ ok: true })
  await built.app.register(
    async (app) => {
      app.get('/me', handler)
      app.patch('/me', handler)
      app.get('/:id', handler)
      app.delete('/:id', handler)
    },
    { prefix: '/users' },
  )
  built.app.post('/login', handler)
  built.app.get('/late', (_request, reply) => reply.callNotFound())
  return built
}

test('an unknown path is 404 whatever the method and body', async (t) => {
  const { app } = await start(t)
  for (const method of ['GET', 'POST', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND'] as const) {
    assertEnvelope(await app.inject({ method: method as 'GET', url: '/nothing?x=1' }), 'NotFoundError', '/nothing')
  }
  const bad = { payload: '{', headers: { 'content-type': 'application/json' } }
  assertEnvelope(await app.inject({ method: 'POST', url: '/nothing', ...bad }), 'NotFoundError', '/nothing')
  assertEnvelope(
    await app.inject({ method: 'POST', url: '/nothing', payload: 'x', headers: { 'content-type': 'image/png' } }),
    'NotFoundError',
  )
  assertEnvelope(await app.inject('/late'), 'NotFoundError', '/late')
})

test('a known path with another method is 405 and Allow lists what works there', async (t) => {
  const { app } = await start(t)
  for (const [method, url, allow] of [
    ['POST', '/users/me', 'DELETE, GET, HEAD, PATCH'],
    ['PUT', '/users/1', 'DELETE, GET, HEAD'],
    ['GET', '/login', 'POST'],
    ['HEAD', '/login', 'POST'],
    ['OPTIONS', '/login', 'POST'],
  ] as const) {
    const answer = await app.inject({ method, url })
    assert.equal(answer.headers.allow, allow)
    if (method !== 'HEAD') assertEnvelope(answer, 'MethodNotAllowedError', url)
    assert.equal(answer.statusCode, 405)
  }
  assert.equal((await app.inject({ method: 'HEAD', url: '/users/me' })).statusCode, 200)
})

test('methods that Fastify does not know are 405 too', async (t) => {
  const { listen } = await start(t)
  const port = await listen()
  for (const method of ['TRACE', 'PROPFIND', 'QUERY', 'M-SEARCH', 'LOCK']) {
    const answer = parseAnswer(
      await exchange(port, `${method} /users/me HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`),
    )
    assertEnvelope(answer, 'MethodNotAllowedError', '/users/me')
    assert.equal(answer.headers.allow, 'DELETE, GET, HEAD, PATCH')
  }
})
