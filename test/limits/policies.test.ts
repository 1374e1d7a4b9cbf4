import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { FastifyInstance, InjectOptions } from 'fastify'
import { newEmail, password, register, signIn, signUp, startApp } from '#test/app'
import { assertEnvelope } from '#test/envelope'

const me = '/api/v1/users/me'
const open = '/api/v1/errors'

/** Sends the same request many times, and returns the statuses. */
async function repeat(app: FastifyInstance, times: number, request: InjectOptions): Promise<number[]> {
  const statuses: number[] = []
  for (let n = 0; n < times; n++) statuses.push((await app.inject(request)).statusCode)
  return statuses
}

const from = (remoteAddress: string, request: InjectOptions = { url: open }): InjectOptions => ({
  ...request,
  remoteAddress,
})
const bearing = (token: string, url = me): InjectOptions => ({ url, headers: { authorization: `Bearer ${token}` } })
const loginAs = (email: string, secret = 'a wrong password it is'): InjectOptions => ({
  method: 'POST',
  url: '/api/v1/auth/login',
  payload: { email, password: secret },
})
const registerAs = (email: string): InjectOptions => ({
  method: 'POST',
  url: '/api/v1/auth/register',
  payload: { email, password, fullName: 'Ada' },
})
const refreshWith = (refreshToken: string): InjectOptions => ({
  method: 'POST',
  url: '/api/v1/auth/refresh',
  payload: { refreshToken },
})

/** How many sessions are looked up from now on. Connections are no measure: the relay and the purge use them too. */
function countLookups(app: FastifyInstance): () => number {
  const { principal } = app.sessions
  let lookups = 0
  app.sessions.principal = (claims) => {
    lookups += 1
    return principal(claims)
  }
  return () => lookups
}

function limitHeaders(headers: Record<string, unknown>) {
  const names = ['ratelimit-policy', 'ratelimit', 'x-ratelimit-limit', 'x-ratelimit-remaining', 'x-ratelimit-reset']
  return names.map((name) => headers[name] && String(headers[name]))
}

suite('the headers', () => {
  test('say what is left of the policy, in both families', async (t) => {
    const { app } = await startApp(t, { RATE_LIMIT_DEFAULT: '300/60' })
    await app.inject({ url: open })
    const { headers } = await app.inject({ url: open })
    assert.deepEqual(limitHeaders(headers), ['"default";q=300;w=60', '"default";r=298;t=60', '300', '298', '60'])
    assert.equal(headers['retry-after'], undefined)
  })

  test('list both policies of a login, and show the one that is nearest its end', async (t) => {
    const { app } = await startApp(t, { RATE_LIMIT_LOGIN: '5/60', RATE_LIMIT_LOGIN_ADDRESS: '7/30' })
    const policies = '"login-address";q=7;w=30, "login";q=5;w=60'
    const first = await app.inject(loginAs(newEmail()))
    assert.deepEqual(limitHeaders(first.headers), [
      policies,
      '"login-address";r=6;t=30, "login";r=4;t=60',
      '5',
      '4',
      '60',
    ])
    for (let n = 0; n < 4; n++) await app.inject(loginAs(newEmail()))
    const sixth = await app.inject(loginAs(newEmail()))
    assert.deepEqual(limitHeaders(sixth.headers), [
      policies,
      '"login-address";r=1;t=30, "login";r=4;t=60',
      '7',
      '1',
      '30',
    ])
  })

  test('of a refusal say when to come back, and then the caller may', async (t) => {
    const { app } = await startApp(t, { RATE_LIMIT_DEFAULT: '2/1' })
    assert.deepEqual(await repeat(app, 2, { url: open }), [200, 200])
    const refused = await app.inject({ url: open })
    assertEnvelope(refused, 'RateLimitExceededError', open)
    assert.deepEqual(limitHeaders(refused.headers), ['"default";q=2;w=1', '"default";r=0;t=1', '2', '0', '1'])
    assert.equal(refused.headers['retry-after'], '1')
    const { body: metrics } = await app.inject({ url: '/metrics' })
    assert.match(metrics, /^rate_limit_rejections_total\{policy="default"\} 1$/m)
    await new Promise((resolve) => setTimeout(resolve, 1010))
    assert.equal((await app.inject({ url: open })).statusCode, 200)
  })
})

suite('the default policy', () => {
  test('counts a user wherever the user is, and nobody else behind the same address', async (t) => {
    const { app } = await startApp(t, { RATE_LIMIT_DEFAULT: '300/60' })
    const [a, b] = [await signUp(app), await signUp(app)]
    const spent = await repeat(app, 300, from('192.0.2.1', bearing(a.accessToken)))
    assert.ok(spent.every((status) => status === 200))
    assertEnvelope(await app.inject(from('192.0.2.1', bearing(a.accessToken))), 'RateLimitExceededError')
    assertEnvelope(await app.inject(from('198.51.100.1', bearing(a.accessToken))), 'RateLimitExceededError')
    const other = await signIn(app, a.email)
    assertEnvelope(await app.inject(bearing(other.accessToken)), 'RateLimitExceededError')
    const others = await repeat(app, 300, from('192.0.2.1', bearing(b.accessToken)))
    assert.ok(others.every((status) => status === 200))
    assert.equal((await app.inject(from('192.0.2.1'))).statusCode, 200, 'the address has its own budget')
  })

  test('charges refused tokens to the address before a session is looked up', async (t) => {
    const { app } = await startApp(t, { RATE_LIMIT_DEFAULT: '300/60' })
    const b = await signUp(app)
    const lookups = countLookups(app)
    const forged = `${b.accessToken.slice(0, -4)}AAAA`
    const guesses = await repeat(app, 300, from('192.0.2.1', bearing(forged)))
    assert.ok(guesses.every((status) => status === 401))
    assertEnvelope(await app.inject(from('192.0.2.1', bearing(forged))), 'RateLimitExceededError')
    assert.equal(lookups(), 0)
    assert.equal((await app.inject(from('192.0.2.1', bearing(b.accessToken)))).statusCode, 200)
    assert.equal(lookups(), 1)
  })

  test('sends no query for a session once its user has spent the budget', async (t) => {
    const { app } = await startApp(t, { RATE_LIMIT_DEFAULT: '5/60' })
    const a = await signUp(app)
    await a.as('POST', '/api/v1/auth/logout')
    const lookups = countLookups(app)
    assert.deepEqual(await repeat(app, 6, bearing(a.accessToken)), [401, 401, 401, 401, 429, 429])
    assert.equal(lookups(), 4)
  })

  test('charges what is not there, or not like that, to the address, with a good token too', async (t) => {
    const { app } = await startApp(t, { RATE_LIMIT_DEFAULT: '4/60' })
    const { accessToken } = await signUp(app)
    const requests: InjectOptions[] = [
      { url: '/nowhere' },
      bearing(accessToken, '/nowhere'),
      { url: open, method: 'POST' },
      { url: me },
    ]
    const statuses: number[] = []
    for (const request of requests) statuses.push((await app.inject(request)).statusCode)
    assert.deepEqual(statuses, [404, 404, 405, 401])
    for (const request of requests) assertEnvelope(await app.inject(request), 'RateLimitExceededError')
    assert.equal((await app.inject(bearing(accessToken))).headers['x-ratelimit-remaining'], '3')
  })

  test('counts HEAD with GET, and the documentation with the rest', async (t) => {
    const { app } = await startApp(t, { RATE_LIMIT_DEFAULT: '3/60' })
    await app.inject({ url: open })
    const head = await app.inject({ url: open, method: 'HEAD' })
    assert.equal(head.headers['x-ratelimit-remaining'], '1')
    const page = await app.inject({ url: '/docs/json' })
    assert.equal(page.headers['x-ratelimit-remaining'], '0')
    assert.equal((await app.inject({ url: open })).statusCode, 429)
  })

  test('never counts probes, metrics and preflights', async (t) => {
    const { app } = await startApp(t, { RATE_LIMIT_DEFAULT: '1/60' })
    assert.deepEqual(await repeat(app, 2, { url: open }), [200, 429])
    for (const url of ['/health', '/health/live', '/health/ready', '/metrics']) {
      for (const method of ['GET', 'HEAD'] as const) {
        const answer = await app.inject({ url, method })
        assert.equal(answer.statusCode, 200, url)
        assert.deepEqual(limitHeaders(answer.headers).filter(Boolean), [], url)
      }
    }
    const preflight = await app.inject({
      url: open,
      method: 'OPTIONS',
      headers: { origin: 'http://localhost:5173', 'access-control-request-method': 'GET' },
    })
    assert.equal(preflight.statusCode, 204)
    assert.equal((await app.inject({ url: open, method: 'OPTIONS' })).statusCode, 429, 'no preflight, hence counted')
  })
})

suite('the policies of sign-in', () => {
  test('count logins by address and e-mail, known or not, in every spelling', async (t) => {
    const { app } = await startApp(t, { RATE_LIMIT_LOGIN: '5/60' })
    const { email } = await register(app)
    for (const address of [email, newEmail()]) {
      assert.deepEqual(await repeat(app, 5, loginAs(address)), Array(5).fill(401))
      assertEnvelope(await app.inject(loginAs(` ${address.toUpperCase()} `)), 'RateLimitExceededError')
    }
    assertEnvelope(await app.inject(loginAs(email, password)), 'RateLimitExceededError')
    assert.equal(
      (await app.inject(from('192.0.2.1', loginAs(email, password)))).statusCode,
      200,
      'the owner is elsewhere',
    )
  })

  test('count every login from an address, valid or not', async (t) => {
    const { app } = await startApp(t, { RATE_LIMIT_LOGIN_ADDRESS: '50/60' })
    const statuses = await repeat(app, 40, { method: 'POST', url: '/api/v1/auth/login', payload: { email: 1 } })
    for (let n = 0; n < 10; n++) statuses.push(...(await repeat(app, 1, loginAs(newEmail()))))
    assert.deepEqual(statuses, [...Array(40).fill(400), ...Array(10).fill(401)])
    const refused = await app.inject(loginAs(newEmail()))
    assertEnvelope(refused, 'RateLimitExceededError')
    assert.equal(refused.headers['ratelimit-policy'], '"login-address";q=50;w=60')
  })

  test('count every registration from an address, valid or not', async (t) => {
    const { app } = await startApp(t, { RATE_LIMIT_REGISTER: '10/60' })
    const statuses = await repeat(app, 8, { method: 'POST', url: '/api/v1/auth/register', payload: {} })
    statuses.push(...(await repeat(app, 3, registerAs(newEmail()))))
    assert.deepEqual(statuses, [...Array(8).fill(400), 201, 409, 429])
    assert.equal((await app.inject(from('192.0.2.1', registerAs(newEmail())))).statusCode, 201)
  })

  test('count refreshes by session, and tokens of no session by address', async (t) => {
    const { app } = await startApp(t, { RATE_LIMIT_REFRESH: '3/60' })
    const a = await signUp(app)
    const b = await signIn(app, a.email)
    let { refreshToken } = a
    for (let n = 0; n < 3; n++) {
      const answer = await app.inject(from(`192.0.2.${n}`, refreshWith(refreshToken)))
      assert.equal(answer.statusCode, 200)
      refreshToken = answer.json().refreshToken
    }
    assertEnvelope(await app.inject(refreshWith(refreshToken)), 'RateLimitExceededError')
    assert.equal((await app.inject(refreshWith(b.refreshToken))).statusCode, 200)
    assert.deepEqual(await repeat(app, 4, refreshWith('guess')), [401, 401, 401, 429])
    assert.equal((await app.inject(from('192.0.2.9', refreshWith('guess')))).statusCode, 401)
  })
})
