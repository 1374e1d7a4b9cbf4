// Requests derived from the document are answered as it says. `FUZZ_SEED=1 FUZZ_RUNS=100000` looks further.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { FastifyInstance } from 'fastify'
import { sessionExample, tokenPairExample } from '#src/schemas'
import { signUp, startApp } from '#test/app'
import type { Answer } from '#test/envelope'
import { type FuzzRequest, fuzzRequests, TOKEN } from '#test/fuzz-requests'
import { type Operation, operationsOf, schemaCompiler, servedDocument } from '#test/openapi'
import { exchange, parseAnswer } from '#test/raw-http'

const seed = Number(process.env.FUZZ_SEED ?? 20_260_115)
const numRuns = Number(process.env.FUZZ_RUNS ?? 2000)

const document = await servedDocument()
const operations = operationsOf(document)
const compile = schemaCompiler(document)
const envelope = { $ref: '#/components/schemas/ErrorEnvelope' }

/** What a request may get whose path is none of the document, and one whose path is. */
const unknownPath = ['MalformedRequestError', 'NotFoundError', 'UriTooLongError']
const otherMethod = ['MalformedRequestError', 'MethodNotAllowedError', 'UriTooLongError']

test(`${numRuns} requests derived from the document get documented answers`, { timeout: 300_000 }, async (t) => {
  const { app } = await startApp(t)
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as { port: number }
  const seen = new Map<string, number>()
  let session: Session | undefined

  const property = fc.asyncProperty(fuzzRequests(operations), async (request) => {
    session ??= await signedIn(app)
    const text = await exchange(port, bytesOf(request, session))
    const answer = parseAnswer(text.replace(/^HTTP\/1.1 100 Continue\r\n\r\n/, ''))
    const operation = operationAt(request)
    const outcome = `${operation?.id ?? 'no operation'} ${answer.statusCode}`
    seen.set(outcome, (seen.get(outcome) ?? 0) + 1)
    assertDocumented(operation, request, answer)
    // The session has ended now, or before.
    if (answer.statusCode === 401 || answer.statusCode === 204) session = undefined
  })
  t.diagnostic(`seed ${seed}`)
  await fc.assert(property, { seed, numRuns })

  const outcomes = [...seen].sort().map(([outcome, count]) => `${outcome}: ${count}`)
  t.diagnostic(outcomes.join(', '))
  for (const { id, responses } of operations) {
    const status = Object.keys(responses).find((code) => code.startsWith('2'))
    assert.ok(seen.has(`${id} ${status}`), `no request of ${id} succeeded`)
  }
})

function assertDocumented(operation: Operation | undefined, { method, target }: FuzzRequest, answer: Answer): void {
  const { statusCode, headers } = answer
  const body = Buffer.from(answer.body, 'latin1').toString()
  const shown = `${statusCode} ${body}`
  assert.ok(statusCode < 500, shown)
  assert.match(String(headers['x-correlation-id']), /^[A-Za-z0-9._-]{1,128}$/)
  assert.equal(headers['x-injected'], undefined)

  const documented = operation?.responses[statusCode]
  assert.ok(documented || !operation, `undocumented: ${shown}`)
  for (const [name, { required }] of Object.entries(documented?.headers ?? {})) {
    assert.ok(!required || headers[name.toLowerCase()] !== undefined, `no ${name}: ${shown}`)
  }
  const [[type, media] = []] = Object.entries(documented?.content ?? {})
  if (method === 'HEAD' || (documented && type === undefined)) {
    assert.equal(body, '')
    return
  }
  if (type === 'text/plain') return
  const validate = compile(media?.schema ?? envelope)
  assert.ok(validate(JSON.parse(body)), `${shown}: ${JSON.stringify(validate.errors)}`)
  if (statusCode < 400) return
  const unrouted = operations.some(({ path }) => fits(path, target)) ? otherMethod : unknownPath
  const names = operation ? Object.keys(media?.examples ?? {}) : unrouted
  assert.ok(names.includes(JSON.parse(body).name), `the name is not documented: ${shown}`)
}

type Session = Awaited<ReturnType<typeof signedIn>>

async function signedIn(app: FastifyInstance) {
  const { accessToken, refreshToken, as } = await signUp(app)
  const { items } = (await as('GET', '/api/v1/users/me/sessions')).json()
  return { accessToken, refreshToken, sessionId: String(items[0].id) }
}

/** The request as it is sent, a live session in the place of that of the examples. */
function bytesOf({ method, target, headers, body }: FuzzRequest, session: Session): Buffer {
  const alive = (text: string) =>
    text
      .replaceAll(TOKEN, session.accessToken)
      .replaceAll(sessionExample.id, session.sessionId)
      .replaceAll(tokenPairExample.refreshToken, session.refreshToken)
  const content = Buffer.from(alive(body))
  const length = content.length > 0 ? [`Content-Length: ${content.length}`] : []
  const lines = [
    `${method} ${alive(target)} HTTP/1.1`,
    'Host: gatehouse',
    'Connection: close',
    ...length,
    ...headers.map(([name, value]) => `${name}: ${alive(value)}`),
  ]
  return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), content])
}

/** The operation that a request reaches: `HEAD` is that of `GET`. */
function operationAt({ method, target }: FuzzRequest): Operation | undefined {
  return operations.find(
    (operation) => operation.method === method.replace('HEAD', 'GET') && fits(operation.path, target),
  )
}

function fits(template: string, target: string): boolean {
  const [path = ''] = target.split('?')
  return new RegExp(`^${template.replace(/\{\w+\}/, '[^/]+')}$`).test(path)
}
