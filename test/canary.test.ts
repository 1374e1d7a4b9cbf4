import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { login, newEmail, refresh, register, startApp, until } from '#test/app'
import { startCluster } from '#test/postgres'
import { exchange } from '#test/raw-http'

const canary = (name: string) => `${name}-canary-${randomBytes(12).toString('hex')}`

/** What no log line and no metric may hold. Tokens are added as they are given out. */
function createCage() {
  const birds = new Map<string, string>()
  return {
    birds,
    add<Value extends string>(name: string, value: Value): Value {
      birds.set(name, value)
      return value
    },
    /** The names of those that are in a text, whole, in another encoding, or without their beginning. */
    escapedInto(text: string): string[] {
      const forms = (bird: string) => [bird, encodeURIComponent(bird), bird.slice(-24)]
      return [...birds].filter(([, bird]) => forms(bird).some((form) => text.includes(form))).map(([name]) => name)
    },
  }
}

async function startWithCanaries(t: TestContext) {
  const cage = createCage()
  const cluster = await startCluster(t)
  const { app, lines } = await startApp(t, {
    POSTGRES_URL: cluster.url,
    REDIS_URL: `redis://user:${cage.add('redis password', canary('redis'))}@127.0.0.1:1/0`,
    MONGODB_URL: `mongodb://user:${cage.add('mongodb password', canary('mongodb'))}@127.0.0.1:1/gatehouse`,
    JWT_SECRET_KEY: cage.add('key', canary('a-key-of-32-bytes-or-more')),
    JWT_PREVIOUS_SECRET_KEYS: cage.add('previous key', canary('a-key-of-32-bytes-or-more')),
    METRICS_TOKEN: cage.add('metrics token', canary('metrics')),
    LOG_LEVEL: 'trace',
    LOG_PAYLOADS: 'true',
    RATE_LIMIT_LOGIN: '5/60',
    POSTGRES_STATEMENT_TIMEOUT_MS: '500',
    POSTGRES_CONNECT_TIMEOUT_MS: '300',
    HANDLER_TIMEOUT_MS: '2000',
  })
  cage.add('postgres password', new URL(cluster.url).password)
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as { port: number }
  return { app, lines, cage, cluster, port }
}

test('no log line and no metric holds an address, a password, a token, a key or a connection string', async (t) => {
  const { app, lines, cage, cluster, port } = await startWithCanaries(t)
  const email = cage.add('e-mail', `${canary('ada')}@example.com`)
  const password = cage.add('password', canary('pass'))
  const newPassword = cage.add('new password', canary('new'))
  const idempotencyKey = cage.add('idempotency key', canary('key'))
  const cookie = cage.add('cookie', canary('cookie'))
  const query = cage.add('query', canary('query'))
  const rejected = cage.add('rejected token', canary('rejected'))

  const post = (url: string, payload: unknown, headers: Record<string, string> = {}) =>
    app.inject({
      method: 'POST',
      url: `${url}?token=${query}`,
      payload: typeof payload === 'string' ? payload : JSON.stringify(payload),
      headers: { 'content-type': 'application/json', cookie, 'idempotency-key': idempotencyKey, ...headers },
    })
  const statuses: number[] = []
  const tried = async (answer: Promise<{ statusCode: number }>) => statuses.push((await answer).statusCode)
  const account = { email, password, fullName: 'Ada Lovelace' }

  await t.test('in accounts and sessions, and what goes wrong with them', async () => {
    await tried(post('/api/v1/auth/register', account))
    await tried(post('/api/v1/auth/register', account))
    await tried(post('/api/v1/auth/register', { ...account, fullName: 'Another' }))
    await tried(post('/api/v1/auth/register', account, { 'idempotency-key': canary('other') }))
    await tried(post('/api/v1/auth/register', { ...account, email: 1, extra: password }))
    await tried(post('/api/v1/auth/register', [email, password]))
    await tried(post('/api/v1/auth/register', `{"email":"${email}","password":"${password}`))
    await tried(post('/api/v1/auth/register', { ...account, password: email.slice(0, 20) }))
    await tried(login(app, email, { password: cage.add('wrong password', canary('wrong')) }))
    await tried(login(app, cage.add('unknown e-mail', `${canary('bob')}@example.com`), { password }))

    const session = (await login(app, email, { password, deviceName: 'Laptop' })).json()
    const accessToken = cage.add('access token', session.accessToken)
    cage.add('refresh token', session.refreshToken)
    const successor = (await refresh(app, session.refreshToken)).json()
    cage.add('successor', successor.refreshToken)
    cage.add('its access token', successor.accessToken)
    await tried(refresh(app, rejected))
    const as = (method: 'GET' | 'PATCH' | 'PUT' | 'POST', url: string, payload?: object) =>
      app.inject({
        method,
        url,
        headers: { authorization: `Bearer ${accessToken}`, cookie },
        ...(payload && { payload }),
      })
    const { email: taken } = await register(app)
    cage.add('taken e-mail', taken)
    for (const url of ['/api/v1/users/me', '/api/v1/users/me/sessions', '/api/v1/users/me/activity'])
      await tried(as('GET', url))
    await tried(as('PATCH', '/api/v1/users/me', { email: taken }))
    await tried(as('PATCH', '/api/v1/users/me', { email: cage.add('next e-mail', newEmail()) }))
    await tried(as('PUT', '/api/v1/users/me/password', { currentPassword: newPassword, newPassword }))
    await tried(as('PUT', '/api/v1/users/me/password', { currentPassword: password, newPassword }))
    await tried(as('POST', '/api/v1/auth/logout'))
    await tried(as('GET', '/api/v1/users/me'))
    for (const authorization of [`Bearer ${rejected}`, `Basic ${rejected}`, rejected]) {
      await tried(app.inject({ url: '/api/v1/users/me', headers: { authorization } }))
      await tried(app.inject({ url: '/metrics', headers: { authorization } }))
    }
    for (let n = 0; n < 6; n++) await tried(login(app, email, { password: rejected }))
    for (const status of [200, 201, 204, 400, 401, 409, 422, 429, 503])
      assert.ok(statuses.includes(status), `no ${status}`)
  })

  await t.test('in what never reaches a route', async () => {
    const secrets = `authorization: Bearer ${rejected}\r\ncookie: ${cookie}\r\n`
    for (const bytes of [
      `GET /%zz?token=${query} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n${secrets}\r\n`,
      `GET /api/v1/users/me?token=${query} HTTP/1.1\r\nhost: x\r\n${secrets}bad header\r\n\r\n`,
      `POST /api/v1/auth/login HTTP/1.1\r\nhost: x\r\ncontent-type: text/${rejected}\r\ncontent-length: 2\r\nconnection: close\r\n${secrets}\r\n{}`,
      `${rejected}\r\n\r\n`,
    ]) {
      await exchange(port, bytes)
    }
  })

  await t.test('in faults of our own', async () => {
    const { sessions } = app
    const { login: original } = sessions
    const fault = Object.assign(new Error(`lost postgres://user:${password}@host/db, Bearer ${rejected}`), {
      detail: `Key (email)=(${email}) already exists.`,
      parameters: [email, password],
      config: { headers: { authorization: `Bearer ${rejected}` } },
    })
    for (const thrown of [
      fault,
      new AggregateError([fault], 'several', { cause: fault }),
      { email, password },
      password,
    ]) {
      sessions.login = () => Promise.reject(thrown)
      await tried(login(app, cage.add('e-mail of a fault', newEmail()), { password }))
      assert.equal(statuses.at(-1), 500)
    }
    sessions.login = original
  })

  await t.test('in an outage', async () => {
    cluster.signal('SIGSTOP')
    await tried(post('/api/v1/auth/register', { ...account, email: cage.add('late e-mail', newEmail()) }))
    assert.equal(statuses.at(-1), 503)
    cluster.signal('SIGCONT')
    await until(async () => (await app.health.readiness()).status === 'ready', 'it is back')
    await cluster.stop()
    await tried(post('/api/v1/auth/register', { ...account, email: cage.add('lost e-mail', newEmail()) }))
    assert.equal(statuses.at(-1), 503)
  })

  const metrics = await app.inject({
    url: '/metrics',
    headers: { authorization: `Bearer ${cage.birds.get('metrics token')}` },
  })
  assert.equal(metrics.statusCode, 200)
  await app.close()
  assert.deepEqual(cage.escapedInto(metrics.body), [], 'in the metrics')
  const leaks = lines
    .map((line) => [line.msg, ...cage.escapedInto(JSON.stringify(line))])
    .filter(({ length }) => length > 1)
  assert.deepEqual(leaks, [], 'in the log')
  for (const msg of [
    'Incoming request',
    'Outgoing response',
    'Request body',
    'Response body',
    'Fault',
    'Connection refused',
  ]) {
    assert.ok(
      lines.some((line) => line.msg === msg),
      `there is no line "${msg}"`,
    )
  }
})

test('the search finds what it is told to look for', () => {
  const cage = createCage()
  const email = cage.add('e-mail', `${canary('ada')}@example.com`)
  assert.deepEqual(cage.escapedInto(`a ${email} b`), ['e-mail'])
  assert.deepEqual(cage.escapedInto(`?email=${encodeURIComponent(email)}`), ['e-mail'])
  assert.deepEqual(cage.escapedInto(`...${email.slice(-30)}`), ['e-mail'])
  assert.deepEqual(cage.escapedInto('nothing'), [])
})
