import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { FastifyInstance } from 'fastify'
import { auditEvents, newEmail, password, startApp } from '#test/app'
import { assertEnvelope } from '#test/envelope'
import { exchange, parseAnswer } from '#test/raw-http'

const url = '/api/v1/auth/register'

interface Repeated {
  key: string
  body: { email: string; password: string; fullName: string }
  remoteAddress?: string
}

const newBody = () => ({ email: newEmail(), password, fullName: 'Ada Lovelace' })

function send(app: FastifyInstance, { key, body, remoteAddress = '192.0.2.1' }: Repeated) {
  return app.inject({ method: 'POST', url, payload: body, headers: { 'idempotency-key': key }, remoteAddress })
}

const countUsers = async (app: FastifyInstance) => (await app.db.selectFrom('users').select('id').execute()).length

suite('a registration under an Idempotency-Key', () => {
  test('is answered again, with its first answer, and done once', async (t) => {
    const { app } = await startApp(t)
    const request = { key: 'one', body: newBody() }
    const first = await send(app, request)
    assert.equal(first.statusCode, 201)
    assert.equal(first.headers['idempotency-replayed'], undefined)
    for (let n = 0; n < 3; n++) {
      const again = await send(app, request)
      assert.equal(again.statusCode, 201)
      assert.equal(again.headers['idempotency-replayed'], 'true')
      assert.equal(again.headers.location, first.headers.location)
      assert.equal(again.headers['cache-control'], 'no-store')
      assert.equal(again.body, first.body)
      assert.notEqual(again.headers['x-correlation-id'], first.headers['x-correlation-id'])
    }
    assert.equal(await countUsers(app), 1)
    assert.equal((await auditEvents(app)).length, 1)
  })

  test('sent twenty times at once opens one account; the twins get a conflict or the same answer', async (t) => {
    const { app, url: postgresUrl } = await startApp(t)
    const { app: other } = await startApp(t, { POSTGRES_URL: postgresUrl })
    const request = { key: 'race', body: newBody() }
    const answers = await Promise.all(Array.from({ length: 20 }, (_, n) => send(n % 2 ? app : other, request)))
    const created = answers.filter(({ statusCode }) => statusCode === 201)
    const [winner] = created.filter(({ headers }) => headers['idempotency-replayed'] === undefined)
    assert.ok(winner)
    for (const answer of answers.filter((answer) => answer !== winner)) {
      if (answer.statusCode === 201) assert.equal(answer.body, winner.body)
      else assertEnvelope(answer, 'IdempotencyConflictError')
    }
    assert.equal((await send(app, request)).body, winner.body)
    assert.equal(await countUsers(app), 1)
    assert.equal((await auditEvents(app)).length, 1)
  })

  test('with another body is refused, whatever differs', async (t) => {
    const { app } = await startApp(t)
    const body = newBody()
    await send(app, { key: 'two', body })
    for (const change of [{ fullName: 'Ada King' }, { email: newEmail() }, { password: `${password}.` }]) {
      assertEnvelope(await send(app, { key: 'two', body: { ...body, ...change } }), 'IdempotencyMismatchError')
    }
    assert.equal(await countUsers(app), 1)
  })

  test('does not use up its key when it fails', async (t) => {
    const { app } = await startApp(t)
    const taken = newBody()
    await send(app, { key: 'first', body: taken })
    assertEnvelope(await send(app, { key: 'three', body: { ...newBody(), password: 'short' } }), 'ValidationError')
    assertEnvelope(await send(app, { key: 'three', body: taken }), 'EmailTakenError')
    assertEnvelope(await send(app, { key: 'three', body: taken }), 'EmailTakenError')
    const answer = await send(app, { key: 'three', body: newBody() })
    assert.equal(answer.statusCode, 201)
    assert.equal(answer.headers['idempotency-replayed'], undefined)
  })

  test('is a matter of its caller: another address may use the same key', async (t) => {
    const { app } = await startApp(t)
    const body = newBody()
    await send(app, { key: 'four', body })
    const stranger = { key: 'four', remoteAddress: '198.51.100.1' }
    assertEnvelope(await send(app, { ...stranger, body }), 'EmailTakenError')
    assert.equal((await send(app, { ...stranger, body: newBody() })).headers['idempotency-replayed'], undefined)
    assert.equal(await countUsers(app), 2)
  })

  test('leaves its key free after 24 hours', async (t) => {
    const { app } = await startApp(t)
    await send(app, { key: 'five', body: newBody() })
    const { expires_at } = await app.db.selectFrom('idempotency_keys').select('expires_at').executeTakeFirstOrThrow()
    assert.ok(Math.abs(expires_at.getTime() - Date.now() - 24 * 3_600_000) < 60_000)
    await app.db.updateTable('idempotency_keys').set({ expires_at: new Date() }).execute()
    const request = { key: 'five', body: newBody() }
    const answer = await send(app, request)
    assert.equal(answer.statusCode, 201)
    assert.equal(answer.headers['idempotency-replayed'], undefined)
    assert.equal((await send(app, request)).body, answer.body)
  })

  test('is answered again after a restart, also with another key to sign with', async (t) => {
    const { app, url: postgresUrl } = await startApp(t)
    const request = { key: 'six', body: newBody() }
    const first = await send(app, request)
    await app.close()
    const { app: restarted } = await startApp(t, {
      POSTGRES_URL: postgresUrl,
      JWT_SECRET_KEY: 'another key for tests and of more than 32 bytes',
      JWT_PREVIOUS_SECRET_KEYS: app.config.JWT_SECRET_KEY,
    })
    const again = await send(restarted, request)
    assert.equal(again.headers['idempotency-replayed'], 'true')
    assert.equal(again.body, first.body)
    const other = { ...request, body: { ...request.body, fullName: 'Ada King' } }
    assertEnvelope(await send(restarted, other), 'IdempotencyMismatchError')
  })

  test('leaves nothing of its password in the database', async (t) => {
    const { app } = await startApp(t)
    const body = newBody()
    await send(app, { key: 'seven', body })
    const row = await app.db.selectFrom('idempotency_keys').selectAll().executeTakeFirstOrThrow()
    assert.equal(row.request_hmac.length, 32)
    assert.ok(!JSON.stringify(row).includes(password))
    assert.ok(!row.request_hmac.toString('latin1').includes(password))
    assert.deepEqual(Object.keys((row.response as { body: object }).body).sort(), [
      'createdAt',
      'email',
      'fullName',
      'id',
      'role',
      'updatedAt',
    ])
  })

  test('counts as a request each time it is sent', async (t) => {
    const { app } = await startApp(t, { RATE_LIMIT_REGISTER: '2/60' })
    const request = { key: 'eight', body: newBody() }
    const statuses = [await send(app, request), await send(app, request), await send(app, request)]
    assert.deepEqual(
      statuses.map(({ statusCode }) => statusCode),
      [201, 201, 429],
    )
  })
})

suite('an Idempotency-Key', () => {
  test('has 1 to 128 visible characters', async (t) => {
    const { app } = await startApp(t)
    const bad = ['', 'x'.repeat(129), 'two words', ' ', 'tab\tbed', 'clé', '\u00a0', 'del\x7f']
    for (const key of bad) {
      assertEnvelope(await send(app, { key, body: newBody() }), 'IdempotencyKeyError', url)
    }
    assert.equal(await countUsers(app), 0)
    for (const key of ['!', '~'.repeat(128), '"quoted"', 'a,b;c=d']) {
      assert.equal((await send(app, { key, body: newBody() })).statusCode, 201, key)
    }
  })

  test('is sent once', async (t) => {
    const { app } = await startApp(t)
    await app.listen({ host: '127.0.0.1', port: 0 })
    const { port } = app.server.address() as { port: number }
    const body = JSON.stringify(newBody())
    const lines = [
      `POST ${url} HTTP/1.1`,
      'host: localhost',
      'connection: close',
      'content-type: application/json',
      `content-length: ${Buffer.byteLength(body)}`,
      'idempotency-key: one',
      'idempotency-key: two',
    ]
    const answer = parseAnswer(await exchange(port, `${lines.join('\r\n')}\r\n\r\n${body}`))
    assertEnvelope(answer, 'IdempotencyKeyError', url)
  })

  test('means nothing where it is not honoured', async (t) => {
    const { app } = await startApp(t)
    const body = newBody()
    await send(app, { key: 'nine', body })
    const login = () =>
      app.inject({
        method: 'POST',
        url: '/api/v1/auth/login',
        payload: { email: body.email, password },
        headers: { 'idempotency-key': 'nine' },
      })
    const [first, second] = [await login(), await login()]
    assert.equal(second.statusCode, 200)
    assert.equal(second.headers['idempotency-replayed'], undefined)
    assert.notEqual(first.json().refreshToken, second.json().refreshToken)
  })
})
