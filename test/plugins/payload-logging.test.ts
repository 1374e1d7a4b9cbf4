import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Type } from '@sinclair/typebox'
import { ErrorEnvelope } from '#src/schemas'
import { buildHttpApp, type LogLine } from '#test/http-app'

const secret = { 'x-secret': true, maxLength: 100 }
const Login = Type.Object(
  { email: Type.String({ format: 'email' }), password: Type.String({ ...secret, minLength: 8 }) },
  { $id: 'Login', additionalProperties: false },
)
const Tokens = Type.Object({
  items: Type.Array(Type.Object({ id: Type.Integer(), token: Type.Union([Type.String(secret), Type.Null()]) })),
})
const payloads = (lines: LogLine[]) => lines.filter((line) => / body/.test(line.msg))

async function start(t: Parameters<typeof buildHttpApp>[0], LOG_PAYLOADS = true) {
  const { app, lines } = await buildHttpApp(t, { config: { LOG_PAYLOADS } })
  app.addSchema(Login)
  app.addSchema(ErrorEnvelope)
  const response = {
    '2xx': { description: 'ok', content: { 'application/json': { schema: Tokens } } },
    '4xx': Type.Ref('ErrorEnvelope'),
  }
  app.post('/login', { schema: { body: Type.Ref('Login'), response } }, async () => ({
    items: [
      { id: 1, token: 'hunter2-token' },
      { id: 2, token: null },
    ],
  }))
  app.post('/free', async (request) => request.body)
  app.get('/text', (_request, reply) => reply.type('text/plain').send('hunter2'))
  app.get('/broken', (_request, reply) => reply.type('application/json').send('{'))
  const post = (payload: object, url = '/login') =>
    app.inject({ method: 'POST', url, payload, headers: { 'x-correlation-id': 'mine' } })
  return { app, lines, post }
}

test('bodies are logged with the correlation id, and what the schema calls secret is not in them', async (t) => {
  const { lines, post } = await start(t)
  await post({ email: 'a@b.co', password: 'hunter2-password' })
  assert.deepEqual(
    payloads(lines).map(({ msg, body, correlationId, level }) => ({ msg, body, correlationId, level })),
    [
      { msg: 'Request body', body: { email: 'a@b.co', password: '[secret]' }, correlationId: 'mine', level: 30 },
      {
        msg: 'Response body',
        body: {
          items: [
            { id: 1, token: '[secret]' },
            { id: 2, token: '[secret]' },
          ],
        },
        correlationId: 'mine',
        level: 30,
      },
    ],
  )
  assert.ok(!JSON.stringify(lines).includes('hunter2'))
})

test('what does not fit the schema is hidden, because a secret may be in the wrong place', async (t) => {
  const { app, lines, post } = await start(t)
  for (const body of [
    { email: 'a@b.co', password: { value: 'hunter2' }, passwort: 'hunter2', deep: { password: 'hunter2' } },
    { email: ['hunter2'], password: ['hunter2'] },
    ['hunter2', { password: 'hunter2' }],
    { __proto__x: 'hunter2', toString: 'hunter2' },
  ]) {
    const answer = await post(body)
    assert.equal(answer.statusCode, 400)
    await post(body, '/free')
  }
  await app.inject('/text')
  assert.ok(payloads(lines).length > 8)
  assert.ok(!JSON.stringify(lines).includes('hunter2'))
  const refusal = payloads(lines).find((line) => line.msg === 'Response body')
  assert.equal((refusal?.body as ErrorEnvelope | undefined)?.message, 'Validation failed')
})

test('a long body is cut and says so', async (t) => {
  const { lines, post } = await start(t)
  await post({ email: 'ä'.repeat(6000), password: 'hunter2' })
  const [line] = payloads(lines)
  assert.equal(line?.msg, 'Request body (cut)')
  assert.ok(Buffer.byteLength(String(line?.bodyStart)) <= 4099)
})

test('an answer that is not the JSON it claims to be reaches the caller all the same', async (t) => {
  const { app } = await start(t)
  assert.equal((await app.inject('/broken')).body, '{')
})

test('bodies are not logged unless it is asked for', async (t) => {
  const { lines, post } = await start(t, false)
  await post({ email: 'a@b.co', password: 'hunter2-password' })
  assert.deepEqual(payloads(lines), [])
})
