import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { createGatehouse, memoryTokens } from '#client'
import { unavailable } from '#src/errors'
import { refresh, signUp, startApp } from '#test/app'

const HOUR_MS = 3_600_000

/** A client whose access token has just expired, and how often the service has refreshed a session. */
async function startExpired(t: TestContext) {
  const { app } = await startApp(t)
  const baseUrl = await app.listen({ host: '127.0.0.1', port: 0 })
  t.mock.timers.enable({ apis: ['Date'], now: Date.now() - HOUR_MS })
  const { accessToken, refreshToken } = await signUp(app)
  t.mock.timers.reset()
  const pair = { accessToken, refreshToken, tokenType: 'Bearer' as const, expiresIn: 900 }
  const tokens = memoryTokens(pair)
  const requests: Request[] = []
  const fetch = (request: Request) => {
    requests.push(request)
    return globalThis.fetch(request)
  }
  const refreshes = async (status: 'success' | 'failure') => {
    const { values } = (await app.instruments.registry.getSingleMetric('token_refreshes_total')?.get()) ?? assert.fail()
    return values.filter(({ labels }) => labels.status === status).reduce((sum, { value }) => sum + value, 0)
  }
  return { app, api: createGatehouse({ baseUrl, tokens, fetch }), pair, tokens, requests, refreshes }
}

test('twenty calls at once with an expired token cause one refresh, and all of them succeed', async (t) => {
  const { api, pair, tokens, refreshes } = await startExpired(t)
  const answers = await Promise.all(Array.from({ length: 20 }, () => api.GET('/api/v1/users/me')))
  for (const { response } of answers) assert.equal(response.status, 200)
  assert.equal(await refreshes('success'), 1)
  assert.equal(await refreshes('failure'), 0)
  assert.notEqual(tokens.read()?.refreshToken, pair.refreshToken)
})

test('a call with a body is sent again as it was', async (t) => {
  const { api, requests } = await startExpired(t)
  const { data } = await api.PATCH('/api/v1/users/me', { body: { fullName: 'Ada King' } })
  assert.equal(data?.fullName, 'Ada King')
  assert.deepEqual(
    requests.map(({ method, url }) => `${method} ${new URL(url).pathname}`),
    ['PATCH /api/v1/users/me', 'POST /api/v1/auth/refresh', 'PATCH /api/v1/users/me'],
  )
  // No request was sent twice: its body was read the first time.
  assert.equal(new Set(requests).size, requests.length)
})

test('a stolen and used refresh token ends the session for all who wait for it', async (t) => {
  const { app, api, pair, tokens, refreshes } = await startExpired(t)
  await refresh(app, pair.refreshToken)
  await app.db
    .updateTable('sessions')
    .set({ rotated_at: new Date(Date.now() - 60_000) })
    .execute()
  const answers = await Promise.all(Array.from({ length: 5 }, () => api.GET('/api/v1/users/me')))
  for (const { error } of answers) assert.equal(error?.name, 'RefreshTokenReusedError')
  assert.equal(await refreshes('failure'), 1)
  assert.equal(tokens.read(), null)
})

test('a refresh that fails for a while is passed on, and the tokens are kept', async (t) => {
  const { app, api, pair, tokens } = await startExpired(t)
  const { mock } = t.mock.method(app.sessions, 'refresh', () => Promise.reject(unavailable('down')))
  const { error, response } = await api.GET('/api/v1/users/me')
  assert.equal(error?.name, 'ServiceUnavailableError')
  assert.ok(response.headers.get('retry-after'))
  assert.deepEqual(tokens.read(), pair)
  mock.restore()
  assert.equal((await api.GET('/api/v1/users/me')).response.status, 200)
})

test('a caller without tokens, or with an authorization of its own, is not helped', async (t) => {
  const { api, tokens, refreshes } = await startExpired(t)
  const foreign = await api.GET('/api/v1/users/me', { headers: { authorization: 'Bearer nonsense' } })
  assert.equal(foreign.error?.name, 'InvalidTokenError')
  tokens.write(null)
  assert.equal((await api.GET('/api/v1/users/me')).error?.name, 'AuthenticationRequiredError')
  assert.equal(await refreshes('success'), 0)
})
