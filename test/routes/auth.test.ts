import assert from 'node:assert/strict'
import { createHmac, randomBytes } from 'node:crypto'
import { suite, test } from 'node:test'
import { auditEvents, login, newEmail, password, refresh, register, signIn, signUp, startApp } from '#test/app'
import { assertEnvelope } from '#test/envelope'

suite('registration', () => {
  test('gives the new account and where to read it', async (t) => {
    const { app } = await startApp(t)
    const answer = await app.inject({
      method: 'POST',
      url: '/api/v1/auth/register',
      payload: { email: '  Ada.Lovelace@Example.com ', password, fullName: 'Ada Lovelace' },
    })
    assert.equal(answer.statusCode, 201)
    assert.equal(answer.headers.location, '/api/v1/users/me')
    assert.equal(answer.headers['cache-control'], 'no-store')
    const { id, createdAt, updatedAt, ...rest } = answer.json()
    assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7/)
    assert.match(createdAt, /^\d{4}-\d\d-\d\dT.*Z$/)
    assert.equal(createdAt, updatedAt)
    assert.deepEqual(rest, { email: 'Ada.Lovelace@Example.com', fullName: 'Ada Lovelace', role: 'user' })
  })

  test('of one address by a hundred callers at once succeeds for exactly one', async (t) => {
    const { app } = await startApp(t)
    const spellings = ['José@Example.com', ' jose\u0301@example.com', 'JOSÉ@EXAMPLE.COM ', 'josé@example.com']
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, n) =>
        app.inject({
          method: 'POST',
          url: '/api/v1/auth/register',
          payload: { email: spellings[n % spellings.length], password, fullName: 'José' },
        }),
      ),
    )
    const created = answers.filter(({ statusCode }) => statusCode === 201)
    const taken = answers.filter(({ statusCode }) => statusCode !== 201)
    assert.equal(created.length, 1)
    for (const answer of taken) assertEnvelope(answer, 'EmailTakenError')
    assert.equal((await app.db.selectFrom('users').select('id').execute()).length, 1)
    const events = await auditEvents(app)
    assert.equal(events.filter(({ outcome }) => outcome === 'success').length, 1)
    assert.equal(events.filter(({ outcome }) => outcome === 'failure').length, 99)
    assert.ok(events.every(({ type, user_id }) => type === 'registration' && user_id === created[0]?.json().id))
  })

  test('refuses passwords that are short, common or made of the address, and says where', async (t) => {
    const { app } = await startApp(t, { PASSWORD_MIN_LENGTH: '8' })
    const refused: [string, string][] = [
      ['seven77', 'minLength'],
      ['Password123', 'common'],
      ['my-grace.hopper-password', 'containsEmail'],
      ['🔑🔑🔑🔑🔑🔑🔑', 'minLength'],
    ]
    for (const [candidate, code] of refused) {
      const answer = await app.inject({
        method: 'POST',
        url: '/api/v1/auth/register',
        payload: { email: 'Grace.Hopper@example.com', password: candidate, fullName: 'Grace' },
      })
      const { data } = assertEnvelope(answer, 'ValidationError')
      assert.deepEqual(
        data.errors.map((item) => [item.pointer, item.code]),
        [['/password', code]],
      )
    }
    assert.equal((await auditEvents(app)).length, 0)
  })

  test('refuses what the closed schema does not know, with every problem at once', async (t) => {
    const { app } = await startApp(t)
    const answer = await app.inject({
      method: 'POST',
      url: '/api/v1/auth/register',
      payload: { email: 'nobody', password: 5, fullName: 'a\0b', role: 'admin' },
    })
    const { data } = assertEnvelope(answer, 'ValidationError')
    assert.deepEqual(data.errors.map(({ pointer }) => pointer).sort(), ['/email', '/fullName', '/password', '/role'])
  })
})

suite('login', () => {
  test('gives a pair of tokens under any spelling of the address', async (t) => {
    const { app } = await startApp(t)
    const { email } = await register(app)
    const answer = await login(app, ` ${email.toUpperCase()} `, { deviceName: 'Laptop' })
    assert.equal(answer.statusCode, 200)
    assert.equal(answer.headers['cache-control'], 'no-store')
    const { tokenType, expiresIn } = answer.json()
    assert.deepEqual({ tokenType, expiresIn }, { tokenType: 'Bearer', expiresIn: 900 })
  })

  test('answers an unknown address and a wrong password alike', async (t) => {
    const { app } = await startApp(t)
    const { email, user } = await register(app)
    const [unknown, wrong] = [
      await login(app, newEmail()),
      await login(app, email, { password: 'a wrong password it is' }),
    ]
    const strip = ({ correlationId: _, timestamp: __, ...rest }: Record<string, unknown>) => rest
    assert.deepEqual(strip(assertEnvelope(unknown, 'InvalidCredentialsError')), strip(wrong.json()))
    const failures = (await auditEvents(app)).filter(({ type }) => type === 'login')
    assert.deepEqual(
      failures.map(({ outcome, user_id }) => [outcome, user_id]),
      [
        ['failure', null],
        ['failure', user.id],
      ],
    )
  })

  test('says that an account is disabled only to those who know its password', async (t) => {
    const { app } = await startApp(t)
    const { email, user, as } = await signUp(app)
    await app.db.updateTable('users').set({ disabled_at: new Date() }).where('id', '=', user.id).execute()
    assertEnvelope(await login(app, email, { password: 'a wrong password it is' }), 'InvalidCredentialsError')
    assertEnvelope(await login(app, email), 'AccountDisabledError')
    assertEnvelope(await as('GET', '/api/v1/users/me'), 'InvalidTokenError')
  })

  test('hashes a password anew when the cost has changed', async (t) => {
    const { app, url } = await startApp(t)
    const { email } = await register(app)
    const { app: dearer } = await startApp(t, { POSTGRES_URL: url, ARGON2_TIME_COST: '2' })
    const hash = async () =>
      (await app.db.selectFrom('users').select('password_hash').executeTakeFirstOrThrow()).password_hash
    assert.match(await hash(), /^\$argon2id\$v=19\$m=1024,t=1,p=1\$/)
    await signIn(dearer, email)
    assert.match(await hash(), /^\$argon2id\$v=19\$m=1024,t=2,p=1\$/)
    await signIn(app, email)
  })
})

suite('access tokens', () => {
  test('that were tampered with are 401 in every shape, never 500', async (t) => {
    const { app } = await startApp(t)
    const { accessToken } = await signUp(app)
    const [header = '', payload = '', signature = ''] = accessToken.split('.')
    const key = app.config.JWT_SECRET_KEY
    const decode = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString())
    const encode = (part: unknown) => Buffer.from(JSON.stringify(part)).toString('base64url')
    const sign = (head: object, claims: unknown, algorithm = 'sha256', secret = key) => {
      const input = `${encode(head)}.${encode(claims)}`
      return `${input}.${createHmac(algorithm, secret).update(input).digest('base64url')}`
    }
    const head = decode(header)
    const claims = decode(payload)
    const now = Math.floor(Date.now() / 1000)
    assert.equal(
      (await get(sign(head, claims))).statusCode,
      200,
      'the tokens made here are good but for what is changed',
    )

    const bad: Record<string, string> = {
      'no dots': 'nonsense',
      'empty parts': '..',
      'two parts': `${header}.${payload}`,
      'cut signature': accessToken.slice(0, -1),
      'padded signature': `${accessToken}=`,
      'no signature': `${header}.${payload}.`,
      'alg none': `${encode({ ...head, alg: 'none' })}.${payload}.`,
      HS512: sign({ ...head, alg: 'HS512' }, claims, 'sha512'),
      RS256: sign({ ...head, alg: 'RS256' }, claims),
      'wrong typ': sign({ ...head, typ: 'JWT' }, claims),
      'unknown kid': sign({ ...head, kid: 'unknown' }, claims),
      'no kid': sign({ alg: 'HS256', typ: 'at+jwt' }, claims),
      'crit header': sign({ ...head, crit: ['exp'] }, claims),
      'other key': sign(head, claims, 'sha256', randomBytes(32).toString('hex')),
      'other payload': `${header}.${encode({ ...claims, sub: claims.sid })}.${signature}`,
      expired: sign(head, { ...claims, iat: now - 900, exp: now - 1 }),
      'iat in the future': sign(head, { ...claims, iat: now + 60, exp: now + 960 }),
      'too long a life': sign(head, { ...claims, exp: claims.iat + 901 }),
      'nbf in the future': sign(head, { ...claims, nbf: now + 60 }),
      'exp as text': sign(head, { ...claims, exp: String(claims.exp) }),
      'no exp': sign(head, { ...claims, exp: undefined }),
      'wrong iss': sign(head, { ...claims, iss: 'somebody' }),
      'wrong aud': sign(head, { ...claims, aud: 'something' }),
      'sub of nobody': sign(head, { ...claims, sub: claims.sid }),
      'sid that is no id': sign(head, { ...claims, sid: "'; drop table users" }),
      'sid of nothing': sign(head, { ...claims, sid: claims.sub }),
      'payload that is no object': sign(head, 'text'),
      'header that is no object': sign('text' as unknown as object, claims),
    }
    for (const [what, token] of Object.entries(bad)) {
      const answer = await get(token)
      assertEnvelope(answer, 'InvalidTokenError')
      assert.match(String(answer.headers['www-authenticate']), /^Bearer .*error="invalid_token"/, what)
    }

    function get(token: string) {
      return app.inject({ url: '/api/v1/users/me', headers: { authorization: `Bearer ${token}` } })
    }
  })

  test('are asked for where none was sent', async (t) => {
    const { app } = await startApp(t)
    const answer = await app.inject({ url: '/api/v1/users/me' })
    assertEnvelope(answer, 'AuthenticationRequiredError')
    assert.match(String(answer.headers['www-authenticate']), /^Bearer /)
    for (const authorization of ['Basic dXNlcjpwYXNz', 'Bearer', 'Bearer a b', '']) {
      const other = await app.inject({ url: '/api/v1/users/me', headers: { authorization } })
      assert.equal(other.statusCode, 401, authorization)
    }
  })

  test('of a previous key are good until they expire, and new ones are made with the new key', async (t) => {
    const { app, url } = await startApp(t)
    const old = await signUp(app)
    const { app: rotated } = await startApp(t, {
      POSTGRES_URL: url,
      JWT_SECRET_KEY: 'another key for tests and of more than 32 bytes',
      JWT_PREVIOUS_SECRET_KEYS: app.config.JWT_SECRET_KEY,
    })
    const me = (token: string) =>
      rotated.inject({ url: '/api/v1/users/me', headers: { authorization: `Bearer ${token}` } })
    assert.equal((await me(old.accessToken)).statusCode, 200)
    const next = (await refresh(rotated, old.refreshToken)).json()
    assert.equal((await me(next.accessToken)).statusCode, 200)
    assert.equal(
      (await app.inject({ url: '/api/v1/users/me', headers: { authorization: `Bearer ${next.accessToken}` } }))
        .statusCode,
      401,
    )
  })
})

suite('refresh tokens', () => {
  test('used by fifty callers at once give all of them the same successor', async (t) => {
    const { app } = await startApp(t)
    const { refreshToken } = await signUp(app)
    const answers = await Promise.all(Array.from({ length: 50 }, () => refresh(app, refreshToken)))
    assert.ok(answers.every(({ statusCode }) => statusCode === 200))
    const successors = new Set(answers.map((answer) => answer.json().refreshToken))
    assert.equal(successors.size, 1)
    const sessions = await app.db.selectFrom('sessions').select('generation').execute()
    assert.deepEqual(sessions, [{ generation: 1 }])
    assert.equal((await refresh(app, [...successors][0])).statusCode, 200)
  })

  test('that come back after the grace end the session, and the trail says so', async (t) => {
    const { app } = await startApp(t)
    const { refreshToken, as, user } = await signUp(app)
    const next = (await refresh(app, refreshToken)).json()
    await app.db
      .updateTable('sessions')
      .set({ rotated_at: new Date(Date.now() - 10_500) })
      .execute()
    assertEnvelope(await refresh(app, refreshToken), 'RefreshTokenReusedError')
    assertEnvelope(await refresh(app, refreshToken), 'InvalidRefreshTokenError')
    assertEnvelope(await refresh(app, next.refreshToken), 'InvalidRefreshTokenError')
    assertEnvelope(await as('GET', '/api/v1/users/me'), 'InvalidTokenError')
    const theft = (await auditEvents(app)).slice(-2)
    assert.deepEqual(
      theft.map(({ type, user_id }) => [type, user_id]),
      [
        ['refresh_token_reuse', user.id],
        ['session_revoked', user.id],
      ],
    )
  })

  test('that are two generations old end the session even within the grace', async (t) => {
    const { app } = await startApp(t)
    const { refreshToken } = await signUp(app)
    const second = (await refresh(app, refreshToken)).json()
    await refresh(app, second.refreshToken)
    assertEnvelope(await refresh(app, refreshToken), 'RefreshTokenReusedError')
  })

  test('of no shape that we made are 401, never 400 or 500', async (t) => {
    const { app } = await startApp(t)
    const { refreshToken } = await signUp(app)
    const shapes = [
      '',
      'x',
      '\0',
      '\ud800',
      'é'.repeat(1024),
      `${refreshToken}=`,
      refreshToken.slice(1),
      'A'.repeat(70),
    ]
    const last = refreshToken.at(-1) ?? ''
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
    const sibling = alphabet[alphabet.indexOf(last) ^ 1]
    for (const shape of [...shapes, refreshToken.slice(0, -1) + sibling]) {
      assertEnvelope(await refresh(app, shape), 'InvalidRefreshTokenError')
    }
    assertEnvelope(await refresh(app, 'x'.repeat(1025)), 'ValidationError')
  })

  test('keep a session alive for thirty days at a time and ninety at most', async (t) => {
    const { app } = await startApp(t)
    const { refreshToken } = await signUp(app)
    const days = async () => {
      const { expires_at } = await app.db.selectFrom('sessions').select('expires_at').executeTakeFirstOrThrow()
      return Math.round((expires_at.getTime() - Date.now()) / 86_400_000)
    }
    assert.equal(await days(), 30)
    await app.db
      .updateTable('sessions')
      .set({ ends_at: new Date(Date.now() + 5 * 86_400_000) })
      .execute()
    const next = (await refresh(app, refreshToken)).json()
    assert.equal(await days(), 5)
    await app.db
      .updateTable('sessions')
      .set({ expires_at: new Date(Date.now() - 1) })
      .execute()
    assertEnvelope(await refresh(app, next.refreshToken), 'InvalidRefreshTokenError')
  })
})

test('logout ends the session at once', async (t) => {
  const { app } = await startApp(t)
  const { as, refreshToken } = await signUp(app)
  assert.equal((await as('POST', '/api/v1/auth/logout')).statusCode, 204)
  assertEnvelope(await as('POST', '/api/v1/auth/logout'), 'InvalidTokenError')
  assertEnvelope(await refresh(app, refreshToken), 'InvalidRefreshTokenError')
})
