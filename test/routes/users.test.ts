import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { auditEvents, login, password, refresh, register, signIn, signUp, startApp } from '#test/app'
import { assertEnvelope } from '#test/envelope'

const me = '/api/v1/users/me'

suite('the profile', () => {
  test('is read with a strong ETag that every change replaces', async (t) => {
    const { app } = await startApp(t)
    const { as, user } = await signUp(app)
    const before = await as('GET', me)
    assert.deepEqual(before.json(), user)
    const changed = await as('PATCH', me, { fullName: 'Augusta Ada King' })
    assert.equal(changed.json().fullName, 'Augusta Ada King')
    assert.notEqual(changed.headers.etag, before.headers.etag)
    assert.equal((await as('GET', me)).headers.etag, changed.headers.etag)
    assert.match(String(changed.headers.etag), /^"[^"]+"$/)
  })

  test('is changed under If-Match by the one who has seen its state, and nobody else', async (t) => {
    const { app } = await startApp(t)
    const { as } = await signUp(app)
    const etag = String((await as('GET', me)).headers.etag)
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, n) => as('PATCH', me, { fullName: `Name ${n}` }, { 'if-match': etag })),
    )
    assert.equal(answers.filter(({ statusCode }) => statusCode === 200).length, 1)
    for (const answer of answers.filter(({ statusCode }) => statusCode !== 200))
      assertEnvelope(answer, 'PreconditionFailedError')

    const current = String((await as('GET', me)).headers.etag)
    const matching = ['*', `"x", ${current}`, `,, ${current} ,`]
    for (const header of matching) {
      const now = String((await as('GET', me)).headers.etag)
      const answer = await as('PATCH', me, { fullName: 'Any' }, { 'if-match': header.replace(current, now) })
      assert.equal(answer.statusCode, 200, header)
    }
    const latest = String((await as('GET', me)).headers.etag)
    for (const header of [`W/${latest}`, '"other"', '"a,b"']) {
      assertEnvelope(await as('PATCH', me, { fullName: 'No' }, { 'if-match': header }), 'PreconditionFailedError')
    }
    for (const header of ['etag', latest.slice(1), '', ',', `${latest} ${latest}`, `*, ${latest}`]) {
      assertEnvelope(await as('PATCH', me, { fullName: 'No' }, { 'if-match': header }), 'ValidationError')
    }
  })

  test('keeps its address when another account has the wanted one', async (t) => {
    const { app } = await startApp(t)
    const { email: taken } = await register(app)
    const { as, user, email } = await signUp(app)
    assertEnvelope(await as('PATCH', me, { email: taken.toUpperCase(), fullName: 'Lost' }), 'EmailTakenError')
    assert.deepEqual((await as('GET', me)).json(), user)
    const events = (await auditEvents(app)).filter(({ type }) => type === 'profile_change')
    assert.deepEqual(
      events.map(({ outcome, user_id }) => [outcome, user_id]),
      [['failure', user.id]],
    )
    assert.equal((await as('PATCH', me, { email: email.toUpperCase() })).statusCode, 200, 'the own one in capitals')
  })

  test('takes no empty change and no field it does not know', async (t) => {
    const { app } = await startApp(t)
    const { as } = await signUp(app)
    for (const change of [{}, { role: 'admin' }, { fullName: null }, { fullName: '' }, { fullName: 'x'.repeat(201) }]) {
      assertEnvelope(await as('PATCH', me, change), 'ValidationError')
    }
    assert.equal((await as('PATCH', me, { fullName: '😀'.repeat(200) })).statusCode, 200)
  })
})

suite('a conditional read', () => {
  test('of a state that the caller has is answered without a body', async (t) => {
    const { app } = await startApp(t)
    const { as } = await signUp(app)
    const { etag } = (await as('GET', me)).headers
    assert.ok(etag)
    for (const known of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
      const answer = await as('GET', me, undefined, { 'if-none-match': known })
      assert.equal(answer.statusCode, 304, known)
      assert.equal(answer.body, '')
      assert.equal(answer.headers.etag, etag)
    }
  })

  test('of another state, or with a header that can not be read, is answered in full', async (t) => {
    const { app } = await startApp(t)
    const { as } = await signUp(app)
    const etag = String((await as('GET', me)).headers.etag)
    await as('PATCH', me, { fullName: 'Countess Lovelace' })
    for (const known of [etag, '"other"', 'no tag', '']) {
      const answer = await as('GET', me, undefined, { 'if-none-match': known })
      assert.equal(answer.statusCode, 200, known)
      assert.equal(answer.json().fullName, 'Countess Lovelace')
      assert.notEqual(answer.headers.etag, etag)
    }
  })
})

suite('the password', () => {
  test('is changed by who knows it, which ends every other session', async (t) => {
    const { app } = await startApp(t)
    const { as, email, user } = await signUp(app)
    const other = await signIn(app, email)
    const newPassword = 'another horse, another staple'
    const answer = await as('PUT', `${me}/password`, { currentPassword: password, newPassword })
    assert.equal(answer.statusCode, 204)
    assert.equal((await as('GET', me)).statusCode, 200)
    assertEnvelope(await other.as('GET', me), 'InvalidTokenError')
    assertEnvelope(await refresh(app, other.refreshToken), 'InvalidRefreshTokenError')
    assertEnvelope(await login(app, email), 'InvalidCredentialsError')
    assert.equal((await login(app, email, { password: newPassword })).statusCode, 200)
    const types = (await auditEvents(app)).filter(({ user_id }) => user_id === user.id).map(({ type }) => type)
    assert.deepEqual(types, ['registration', 'login', 'login', 'password_change', 'session_revoked', 'login', 'login'])
  })

  test('stays when the current one is wrong or the new one is weak', async (t) => {
    const { app } = await startApp(t)
    const { as, email } = await signUp(app)
    const put = (currentPassword: string, newPassword: string) =>
      as('PUT', `${me}/password`, { currentPassword, newPassword })
    assertEnvelope(await put('not the password at all', 'another horse, another staple'), 'InvalidCredentialsError')
    const { data } = assertEnvelope(await put(password, 'too short'), 'ValidationError')
    assert.equal(data.errors[0]?.pointer, '/newPassword')
    assert.equal((await login(app, email)).statusCode, 200)
  })
})

suite('the sessions', () => {
  test('are listed newest first, page by page, and one is the current one', async (t) => {
    const { app } = await startApp(t)
    const { as, email } = await signUp(app)
    for (const deviceName of ['Phone', 'Tablet', 'TV', 'Car']) await login(app, email, { deviceName })
    const names: (string | null)[] = []
    let current = 0
    let cursor: string | null = ''
    for (let page = 0; cursor !== null && page < 10; page++) {
      const answer = await as('GET', `${me}/sessions?limit=2${cursor && `&cursor=${cursor}`}`)
      assert.equal(answer.statusCode, 200, answer.body)
      const {
        items,
        nextCursor,
      }: { items: { deviceName: string | null; current: boolean }[]; nextCursor: string | null } = answer.json()
      names.push(...items.map(({ deviceName }) => deviceName))
      current += items.filter((session) => session.current).length
      cursor = nextCursor
    }
    assert.deepEqual(names, ['Car', 'TV', 'Tablet', 'Phone', null])
    assert.equal(current, 1)
  })

  test('are not listed by a limit or cursor that is empty, repeated, altered, malformed or another list’s', async (t) => {
    const { app } = await startApp(t)
    const { as, email } = await signUp(app)
    await login(app, email)
    const { nextCursor } = (await as('GET', `${me}/sessions?limit=1`)).json()
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
    const altered = nextCursor.slice(0, -1) + alphabet[alphabet.indexOf(nextCursor.at(-1)) ^ 1]
    const queries = [
      'limit=',
      'limit=0',
      'limit=101',
      'limit=0x10',
      'limit=1e1',
      'limit=%205',
      'limit=05',
      'limit=-1',
      'limit=1&limit=2',
      'cursor=',
      'cursor=x',
      `cursor=${altered}`,
      `cursor=${nextCursor}=`,
      `cursor=${nextCursor}&cursor=${nextCursor}`,
      'other=1',
    ]
    for (const query of queries) assertEnvelope(await as('GET', `${me}/sessions?${query}`), 'ValidationError')
    const stranger = await signUp(app)
    assertEnvelope(await stranger.as('GET', `${me}/sessions?cursor=${nextCursor}`), 'ValidationError')
  })

  test('are ended one by one by their owner, never by somebody else', async (t) => {
    const { app } = await startApp(t)
    const owner = await signUp(app)
    const stranger = await signUp(app)
    const { items } = (await owner.as('GET', `${me}/sessions`)).json()
    const url = `${me}/sessions/${items[0].id}`
    assertEnvelope(await stranger.as('DELETE', url), 'NotFoundError')
    assertEnvelope(await owner.as('DELETE', `${me}/sessions/not-a-uuid`), 'ValidationError')
    assert.equal((await owner.as('GET', me)).statusCode, 200)
    assert.equal((await owner.as('DELETE', url)).statusCode, 204)
    assertEnvelope(await owner.as('DELETE', url), 'InvalidTokenError')
  })
})
