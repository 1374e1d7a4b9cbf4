import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { type LogLine, newEmail, password, until } from '#test/app'
import { call, login, me, metric, refresh, register, signUp } from '#test/calls'
import { startService } from '#test/service'

test('a kill -9 of the service undoes nothing that it has answered', async (t) => {
  const settings = { REFRESH_TOKEN_GRACE_SECONDS: '0', LOG_LEVEL: 'debug', LOG_PAYLOADS: 'true' }
  let service = await startService(t, settings)
  const startAgain = async () => {
    service = await service.restart()
    await service.ready()
  }
  await service.ready()

  await t.test('the account is there, and so is the answer to its Idempotency-Key', async () => {
    const [email, key] = [newEmail(), { 'idempotency-key': randomUUID() }]
    const replies = await Promise.all(Array.from({ length: 20 }, () => register(service.url, email, key)))
    await service.kill()
    await startAgain()
    replies.push(await register(service.url, email, key))

    assert.ok(replies.every(({ status }) => status === 201 || status === 409))
    const created = replies.filter(({ status }) => status === 201)
    assert.equal(created.filter(({ headers }) => headers.get('idempotency-replayed') === null).length, 1)
    assert.equal(new Set(created.map(({ body }) => body.id)).size, 1)
    for (const { body } of replies.filter(({ status }) => status === 409)) {
      assert.equal(body.name, 'IdempotencyConflictError')
    }
    assert.equal(replies.at(-1)?.headers.get('idempotency-replayed'), 'true')
    assert.deepEqual(replies.at(-1)?.body, created[0]?.body)
    assert.equal((await login(service.url, email)).status, 200)
  })

  await t.test('a session whose refresh token was stolen stays ended', async () => {
    const { email, accessToken, refreshToken } = await signUp(service.url)
    const next = await refresh(service.url, refreshToken)
    assert.equal(next.status, 200)
    const reused = await refresh(service.url, refreshToken)
    await service.kill()
    await startAgain()

    assert.deepEqual([reused.status, reused.body.name], [401, 'RefreshTokenReusedError'])
    const refused = await refresh(service.url, String(next.body.refreshToken))
    assert.deepEqual([refused.status, refused.body.name], [401, 'InvalidRefreshTokenError'])
    assert.equal((await me(service.url, accessToken)).status, 401)

    const { body } = await login(service.url, email)
    await until(async () => (await metric(service.url, 'audit_outbox_pending')) === 0, 'the events are relayed')
    const activity = await call(service.url, '/api/v1/users/me/activity?type=refresh_token_reuse', {
      token: String(body.accessToken),
    })
    assert.equal((activity.body.items as object[]).length, 1)
  })

  await t.test('a correlation id is on every line of a request and of what it causes, and no password is', async () => {
    const correlationId = randomUUID()
    await call(service.url, '/health/live', { headers: { 'x-correlation-id': 'before' } })
    const isLastBefore = (line: LogLine) => line.correlationId === 'before' && line.msg === 'Outgoing response'
    await until(() => service.lines.some(isLastBefore), 'the log is up to date')
    const seen = service.lines.findIndex(isLastBefore) + 1
    const lines = () => service.lines.slice(seen).filter((line) => line.correlationId === correlationId)
    const { status, headers } = await register(service.url, newEmail(), { 'x-correlation-id': correlationId })
    assert.equal(status, 201)
    assert.equal(headers.get('x-correlation-id'), correlationId)
    await until(() => lines().some(({ msg }) => msg === 'Audit event relayed'), 'the event is relayed')

    assert.deepEqual(
      lines().map(({ msg }) => msg),
      ['Incoming request', 'Request body', 'Response body', 'Outgoing response', 'Audit event relayed'],
    )
    const [, line] = lines()
    assert.ok(line)
    assert.equal((line.body as Record<string, unknown>).password, '[secret]')
    assert.ok(!JSON.stringify(service.lines).includes(password))
    const others = service.lines.slice(seen).filter((line) => line.correlationId !== correlationId)
    assert.deepEqual(
      others.filter(({ msg }) => msg !== 'Expired records purged'),
      [],
    )
  })
})
