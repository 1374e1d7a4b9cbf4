import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from 'fastify'
import type { ErrorEnvelope } from '#src/schemas'
import { securityHeaders } from '#src/security-headers'
import { startApp, until } from '#test/app'
import { assertEnvelope } from '#test/envelope'
import { type Operation, operationsOf, schemaCompiler, servedDocument } from '#test/openapi'

const document = await servedDocument()
const operations = operationsOf(document)
const compile = schemaCompiler(document)
const METRICS_TOKEN = 'a-token-for-metrics'

/** What every answer may have, whether documented or not. */
const plumbing = ['connection', 'content-length', 'content-type', 'date', 'vary', ...Object.keys(securityHeaders)]

interface Example extends InjectOptions {
  url: string
  headers: Record<string, string>
  query: Record<string, string>
  payload?: Record<string, unknown> | string
}

test('every documented request is answered as documented', async (t) => {
  const { app } = await startApp(t, { METRICS_TOKEN })
  for (const operation of operations) {
    await t.test(operation.id, async () => {
      const answer = await app.inject(await exampleRequest(app, operation))
      const [status, documented] = success(operation)
      assert.equal(answer.statusCode, status, answer.body)
      assertHeaders(answer, documented.headers ?? {})
      const [[type, media] = []] = Object.entries(documented.content ?? {})
      if (type === undefined || media === undefined) return assert.equal(answer.body, '')
      assert.ok(answer.headers['content-type']?.toString().startsWith(type), 'content-type')
      const { value } = Object.values(media.examples ?? {})[0] ?? assert.fail('there is no example')
      const body = type === 'application/json' ? answer.json() : answer.body
      assertMatches(media.schema, body, 'the answer')
      if (typeof value === 'string') assert.ok(body.includes(value))
      else assert.deepEqual(withoutChance(body), withoutChance(value))
    })
  }
})

test('every documented error looks as documented', async (t) => {
  const { app } = await startApp(t, { METRICS_TOKEN })
  for (const operation of operations) await t.test(operation.id, () => assertErrors(app, operation))
})

test('every path says to other methods which ones work', async (t) => {
  const { app } = await startApp(t)
  const documented = Map.groupBy(operations, ({ path }) => path)
  for (const path of ['/docs', '/docs/json', ...documented.keys()]) {
    const methods = documented.get(path)?.map(({ method }) => method) ?? ['GET']
    const answer = await app.inject({ method: 'OPTIONS', url: path.replace('{id}', randomUUID()) })
    assertEnvelope(answer, 'MethodNotAllowedError')
    const allowed = String(answer.headers.allow).split(', ')
    assert.deepEqual(
      allowed,
      [...new Set(methods.flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method])))].sort(),
    )
  }
})

test('every example fits its schema', async (t) => {
  for (const operation of operations) {
    await t.test(operation.id, () => {
      for (const { name, schema } of operation.parameters) assertMatches(schema, schema.examples?.[0], name)
      const body = operation.requestBody?.content['application/json']
      if (body) assertMatches(body.schema, body.example, 'the body')
      for (const [status, { content = {} }] of Object.entries(operation.responses)) {
        for (const { schema, examples = {} } of Object.values(content)) {
          assert.ok(Object.keys(examples).length > 0, status)
          for (const { value } of Object.values(examples)) assertMatches(schema, value, status)
        }
      }
    })
  }
})

async function assertErrors(app: FastifyInstance, operation: Operation): Promise<void> {
  const request = await exampleRequest(app, operation)
  for (const [status, { headers = {}, content = {} }] of Object.entries(operation.responses)) {
    for (const [name, { value }] of Object.entries(content['application/json']?.examples ?? {})) {
      const example = value as ErrorEnvelope
      if (example.success !== false) continue
      assert.equal(example.name, name)
      assert.equal(example.statusCode, Number(status))
      const provoked = provocations[name]?.(request, example)
      if (provoked === undefined) continue
      const answer = await app.inject(provoked)
      assert.equal(answer.statusCode, example.statusCode, `${name}: ${answer.body}`)
      assertHeaders(answer, headers)
      const { message: _text, timestamp: _time, path, ...rest } = answer.json() as ErrorEnvelope
      const { message: _exampleText, timestamp: _exampleTime, path: examplePath, ...expected } = example
      assert.deepEqual(rest, expected)
      // An answer that all operations share shows the path of one of them; an id in the path is another one each time.
      const fixed = operation.path.replace(/\{.*/, '')
      if (examplePath.startsWith(fixed)) assert.ok(path.startsWith(fixed), path)
    }
  }
}

/** How a request gets each error that no state of the service is needed for. */
const provocations: Record<string, (request: Example, example: ErrorEnvelope) => Example | undefined> = {
  MalformedRequestError: (request) => (request.payload ? withBody(request, '{') : undefined),
  UnsupportedMediaTypeError: (request) => withBody(request, 'email=user@example.com', 'text/plain'),
  PayloadTooLargeError: (request) => withBody(request, JSON.stringify({ email: 'a'.repeat(20_000) })),
  AuthenticationRequiredError: (request) => ({ ...request, headers: without(request.headers, 'authorization') }),
  InvalidTokenError: (request) => ({ ...request, headers: { ...request.headers, authorization: 'Bearer nonsense' } }),
  IdempotencyKeyError: (request) => ({ ...request, headers: { ...request.headers, 'Idempotency-Key': 'a b' } }),
  PreconditionFailedError: (request) => ({ ...request, headers: { ...request.headers, 'If-Match': '"other"' } }),
  InvalidRefreshTokenError: (request) => withFields(request, { refreshToken: 'nonsense' }),
  InvalidCredentialsError: (request) => {
    const field = 'currentPassword' in (request.payload as object) ? 'currentPassword' : 'password'
    return withFields(request, { [field]: 'wrong horse battery staple' })
  },
  NotFoundError: (request) => lastSegment(request, randomUUID()),
  ValidationError(request, { data }) {
    const { pointer } = data.errors[0] ?? assert.fail('there is no item')
    const field = pointer.slice(1)
    if (field === 'id') return lastSegment(request, 'not-a-uuid')
    return request.payload
      ? withFields(request, { [field]: 'nobody' })
      : { ...request, query: { ...request.query, [field]: 'nobody' } }
  },
}

/** The documented request, by the only user there is: the one of the examples. What is only known now is filled in. */
async function exampleRequest(app: FastifyInstance, operation: Operation): Promise<Example> {
  for (const table of ['idempotency_keys', 'sessions', 'users'] as const) await app.db.deleteFrom(table).execute()
  const tokens = operation.id === 'register' ? undefined : await signIn(app)
  const known: Record<string, string | undefined> = { refreshToken: tokens?.refreshToken, id: tokens?.sessionId }
  const named = (place: string) =>
    operation.parameters
      // A cursor is good for the list of one user only.
      .filter((parameter) => parameter.in === place && parameter.name !== 'cursor')
      .map(({ name, schema }) => [name, known[name] ?? String(schema.examples?.[0])] as const)

  const example = operation.requestBody?.content['application/json'].example as Record<string, unknown> | undefined
  const token = operation.security.some((needed) => 'metricsToken' in needed) ? METRICS_TOKEN : tokens?.accessToken
  return {
    ...sender,
    method: operation.method,
    url: named('path').reduce((url, [name, value]) => url.replace(`{${name}}`, value), operation.path),
    query: Object.fromEntries(named('query')),
    headers: {
      ...sender.headers,
      ...Object.fromEntries(named('header')),
      ...(operation.security.length > 0 && { authorization: `Bearer ${token}` }),
    },
    ...(example && {
      payload: Object.fromEntries(Object.entries(example).map(([key, value]) => [key, known[key] ?? value])),
    }),
  }
}

/** Whom the examples show. */
const sender = {
  remoteAddress: '203.0.113.7',
  headers: { 'user-agent': 'Mozilla/5.0', 'x-correlation-id': '0197b2f4-8a0e-7c1d-9b57-3f2d5e6a7c80' },
}

async function signIn(app: FastifyInstance) {
  const send = async (id: string) => {
    const { path, requestBody } = operations.find((operation) => operation.id === id) ?? assert.fail(id)
    const payload = requestBody?.content['application/json'].example as object
    return (await app.inject({ ...sender, method: 'POST', url: path, payload })).json()
  }
  const { id } = await send('register')
  const tokens: { accessToken: string; refreshToken: string } = await send('login')
  const session = await app.db.selectFrom('sessions').select('id').executeTakeFirstOrThrow()
  const relayed = () => app.db.selectFrom('audit_events').select('id').where('user_id', '=', id).execute()
  await until(async () => (await relayed()).length === 2, 'the events can be read')
  return { ...tokens, sessionId: session.id }
}

function success({ id, responses }: Operation) {
  const [status, documented] = Object.entries(responses).find(([code]) => code.startsWith('2')) ?? assert.fail(id)
  return [Number(status), documented] as const
}

function assertHeaders(
  { headers }: LightMyRequestResponse,
  documented: NonNullable<Operation['responses'][string]['headers']>,
) {
  const names = Object.keys(documented).map((name) => name.toLowerCase())
  const undocumented = Object.keys(headers).filter((name) => !names.includes(name) && !plumbing.includes(name))
  // Which errors come before the limits, and have no such fields, is not documented.
  assert.deepEqual(
    undocumented.filter((name) => !/^(x-)?ratelimit/.test(name)),
    [],
  )
  for (const [name, { required, schema }] of Object.entries(documented)) {
    const value = headers[name.toLowerCase()]
    if (value === undefined) assert.ok(!required, `${name} is missing`)
    else assertMatches(schema, schema.type === 'integer' ? Number(value) : String(value), name)
  }
}

function assertMatches(schema: Parameters<typeof compile>[0], value: unknown, what: string): void {
  const validate = compile(schema)
  assert.ok(validate(value), `${what}: ${JSON.stringify(validate.errors)}`)
}

/** A body with what is different each time put equal: ids, times, tokens, measurements. */
function withoutChance(body: unknown): unknown {
  return JSON.parse(JSON.stringify(body), (key, value) => {
    if (['accessToken', 'refreshToken', 'uptimeSeconds', 'latencyMs'].includes(key)) return typeof value
    if (typeof value !== 'string' || key === 'correlationId') return value
    return value.replace(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/, 'id').replace(/^\d{4}-\d\d-\d\dT.*Z$/, 'time')
  })
}

function withBody(request: Example, payload: string, contentType = 'application/json'): Example {
  return { ...request, payload, headers: { ...request.headers, 'content-type': contentType } }
}

function withFields(request: Example, fields: Record<string, string>): Example {
  return { ...request, payload: { ...(request.payload as object), ...fields } }
}

function without(headers: Record<string, string>, name: string): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([other]) => other !== name))
}

function lastSegment(request: Example, segment: string): Example {
  return { ...request, url: request.url.replace(/[^/]*$/, segment) }
}
