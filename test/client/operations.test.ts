import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createGatehouse, memoryTokens } from '#client'
import { newEmail, password, startApp } from '#test/app'
import { operationsOf, servedDocument } from '#test/openapi'

/** What was answered; fails where it is an error. */
function dataOf<T>({ data, error, response }: { data?: T; error?: unknown; response: Response }): T {
  assert.ok(response.ok, `${response.url}: ${response.status} ${JSON.stringify(error)}`)
  return data as T
}

test('a client uses every operation of the document, in the life of an account', async (t) => {
  const { app } = await startApp(t)
  const baseUrl = await app.listen({ host: '127.0.0.1', port: 0 })
  const tokens = memoryTokens()
  const api = createGatehouse({ baseUrl, tokens })
  const called = new Set<string>()
  api.use({
    onRequest({ request, schemaPath }) {
      called.add(`${request.method} ${schemaPath}`)
    },
  })

  const email = newEmail()
  const account = dataOf(
    await api.POST('/api/v1/auth/register', {
      params: { header: { 'Idempotency-Key': 'first-try' } },
      body: { email, password, fullName: 'Ada Lovelace' },
    }),
  )
  const signIn = async (deviceName: string) =>
    dataOf(await api.POST('/api/v1/auth/login', { body: { email, password, deviceName } }))
  const { refreshToken } = await signIn('Laptop')
  tokens.write(dataOf(await api.POST('/api/v1/auth/refresh', { body: { refreshToken } })))

  const read = await api.GET('/api/v1/users/me')
  assert.deepEqual(dataOf(read), account)
  const etag = String(read.response.headers.get('etag'))
  const unchanged = await api.GET('/api/v1/users/me', { params: { header: { 'If-None-Match': etag } } })
  assert.equal(unchanged.response.status, 304)
  const changed = dataOf(
    await api.PATCH('/api/v1/users/me', { params: { header: { 'If-Match': etag } }, body: { fullName: 'Ada King' } }),
  )
  assert.equal(changed.fullName, 'Ada King')

  await signIn('Phone')
  const sessions = dataOf(await api.GET('/api/v1/users/me/sessions', { params: { query: { limit: '10' } } }))
  assert.deepEqual(
    sessions.items.map(({ deviceName, current }) => [deviceName, current]),
    [
      ['Phone', false],
      ['Laptop', true],
    ],
  )
  const phone = sessions.items.find(({ current }) => !current) ?? assert.fail()
  dataOf(await api.DELETE('/api/v1/users/me/sessions/{id}', { params: { path: { id: phone.id } } }))

  const newPassword = 'another horse, another staple'
  dataOf(await api.PUT('/api/v1/users/me/password', { body: { currentPassword: password, newPassword } }))
  const activity = dataOf(await api.GET('/api/v1/users/me/activity', { params: { query: { type: 'registration' } } }))
  assert.deepEqual(
    activity.items.map(({ outcome }) => outcome),
    ['success'],
  )

  dataOf(await api.POST('/api/v1/auth/logout'))
  const { error } = await api.GET('/api/v1/users/me')
  assert.equal(error?.name, 'InvalidRefreshTokenError')
  assert.equal(tokens.read(), null)

  assert.ok(dataOf(await api.GET('/api/v1/errors')).items.length > 20)
  assert.deepEqual(
    dataOf(await api.GET('/api/versions')).items.map(({ status }) => status),
    ['current'],
  )
  assert.equal(dataOf(await api.GET('/health')).status, 'healthy')
  assert.equal(dataOf(await api.GET('/health/live')).status, 'alive')
  assert.equal(dataOf(await api.GET('/health/ready')).status, 'ready')
  assert.match(dataOf(await api.GET('/metrics', { parseAs: 'text' })), /^# HELP /)

  const documented = operationsOf(await servedDocument()).map(({ method, path }) => `${method} ${path}`)
  assert.deepEqual([...called].sort(), documented.sort())
})
