import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assertEnvelope } from '#test/envelope'
import { buildHttpApp } from '#test/http-app'

const config = { CORS_ORIGINS: ['https://app.example', 'http://localhost:*'] }
const preflight = (origin: string) => ({ origin, 'access-control-request-method': 'PUT' })

async function start(t: Parameters<typeof buildHttpApp>[0], origins = config.CORS_ORIGINS) {
  const { app } = await buildHttpApp(t, { config: { CORS_ORIGINS: origins } })
  app.get('/ok', async () => ({ ok: true }))
  return app
}
const allowed = (headers: Record<string, unknown>) =>
  Object.keys(headers).filter((name) => name.startsWith('access-control-'))

test('a listed origin may read answers and errors, any other gets no allow header', async (t) => {
  const app = await start(t)
  for (const origin of ['https://app.example', 'http://localhost', 'http://localhost:5173']) {
    for (const url of ['/ok', '/nothing']) {
      const { headers } = await app.inject({ url, headers: { origin } })
      assert.equal(headers['access-control-allow-origin'], origin)
      assert.match(String(headers['access-control-expose-headers']), /X-Correlation-Id.*Idempotency-Replayed/)
      assert.equal(headers['access-control-allow-credentials'], undefined)
      assert.equal(headers.vary, 'Origin')
    }
  }
  for (const origin of [
    'https://evil.example',
    'https://app.example:1',
    'http://localhost.evil:1',
    'http://localhost:x',
    'null',
    '*',
  ]) {
    const answer = await app.inject({ url: '/ok', headers: { origin } })
    assert.equal(answer.statusCode, 200)
    assert.deepEqual(allowed(answer.headers), [])
    assert.equal(answer.headers.vary, 'Origin')
  }
  assert.equal((await app.inject('/ok')).headers.vary, 'Origin')
})

test('a preflight is 204 on every path, with the allow headers for a listed origin only', async (t) => {
  const app = await start(t)
  for (const url of ['/ok', '/nothing']) {
    const listed = await app.inject({ method: 'OPTIONS', url, headers: preflight('https://app.example') })
    assert.equal(listed.statusCode, 204)
    assert.equal(listed.body, '')
    assert.equal(listed.headers['access-control-allow-origin'], 'https://app.example')
    assert.equal(
      listed.headers['access-control-allow-headers'],
      'Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, X-Correlation-Id, traceparent',
    )
    assert.match(String(listed.headers['access-control-allow-methods']), /PATCH/)
    assert.ok(listed.headers['x-correlation-id'])
    const other = await app.inject({ method: 'OPTIONS', url, headers: preflight('https://evil.example') })
    assert.equal(other.statusCode, 204)
    assert.deepEqual(allowed(other.headers), [])
  }
})

test('an OPTIONS that is no preflight is like any other method', async (t) => {
  const app = await start(t)
  assertEnvelope(await app.inject({ method: 'OPTIONS', url: '/ok' }), 'MethodNotAllowedError')
  assertEnvelope(
    await app.inject({ method: 'OPTIONS', url: '/ok', headers: { origin: 'https://app.example' } }),
    'MethodNotAllowedError',
  )
  assertEnvelope(await app.inject({ method: 'OPTIONS', url: '/nothing' }), 'NotFoundError')
})

test('with * every origin is listed', async (t) => {
  const app = await start(t, ['*'])
  const { headers } = await app.inject({ url: '/ok', headers: { origin: 'https://any.example' } })
  assert.equal(headers['access-control-allow-origin'], 'https://any.example')
})
