import assert from 'node:assert/strict'
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { FastifyInstance } from 'fastify'
import { startApp, testEnvironment } from '#test/app'
import { assertEnvelope } from '#test/envelope'
import { createDatabase } from '#test/postgres'
import { loadConfig } from '../../src/config.ts'

const root = join(import.meta.dirname, '../..')

const greeting = `export default async (app) => {
  app.get('/greeting', { schema: {
    operationId: 'greetV2', summary: 'Greet', description: 'Greets.', tags: ['reference'], security: [],
    response: { 200: { description: 'A greeting', content: { 'application/json': {
      schema: { type: 'object', properties: { hello: { type: 'string' } } }, examples: { example: { value: { hello: 'you' } } },
    } } } },
  } }, async () => ({ hello: 'you' }))
}
`

/** The service of a copy of the sources with a second version, and with the lifecycles written as here. */
async function startCopy(t: TestContext, lifecycles: string): Promise<FastifyInstance> {
  const copy = await mkdtemp(join(tmpdir(), 'gatehouse-versions-'))
  t.after(() => rm(copy, { recursive: true, force: true }))
  for (const part of ['src', 'db', 'plugins', 'routes', 'package.json']) {
    await cp(join(root, part), join(copy, part), { recursive: true })
  }
  await symlink(join(root, 'node_modules'), join(copy, 'node_modules'))

  await cp(join(root, 'routes/api/v1/errors.ts'), join(copy, 'routes/api/v2/errors.ts'))
  const v2Errors = (await readFile(join(copy, 'routes/api/v2/errors.ts'), 'utf8')).replace('listErrors', 'listErrorsV2')
  await writeFile(join(copy, 'routes/api/v2/errors.ts'), v2Errors)
  await writeFile(join(copy, 'routes/api/v2/greeting.ts'), greeting)

  const declared = await readFile(join(copy, 'src/versions.ts'), 'utf8')
  const rewritten = declared.replace(
    'export const lifecycles: Lifecycles = {}',
    `export const lifecycles: Lifecycles = ${lifecycles}`,
  )
  assert.ok(lifecycles === '{}' || rewritten !== declared)
  await writeFile(join(copy, 'src/versions.ts'), rewritten)

  const { url } = await createDatabase(t)
  const { buildApp } = (await import(join(copy, 'src/app.ts'))) as typeof import('../../src/app.ts')
  const app = await buildApp(loadConfig({ ...testEnvironment, POSTGRES_URL: url }))
  t.after(() => app.close())
  await app.ready()
  return app
}

const endOfV1 = `{ v1: { deprecatedSince: '2035-01-01', sunsetOn: '2035-07-01', successor: 'v2' } }`

/** The answers of a version, whoever gives them: a route, a guard, a limit, a schema, nobody. */
const requests = [
  { method: 'GET', url: '/api/v1/errors' },
  { method: 'HEAD', url: '/api/v1/errors' },
  { method: 'GET', url: '/api/%761/errors' },
  { method: 'GET', url: '/api/v1/users/me' },
  { method: 'POST', url: '/api/v1/auth/login', payload: { email: 1 } },
  { method: 'GET', url: '/api/v1/auth/login' },
  { method: 'GET', url: '/api/v1/nothing' },
  { method: 'GET', url: '/api/v1' },
] as const

test('the versions are listed', async (t) => {
  const { app } = await startApp(t)
  const answer = await app.inject('/api/versions')
  assert.equal(answer.statusCode, 200)
  assert.deepEqual(answer.json(), {
    items: [{ name: 'v1', path: '/api/v1', status: 'current', deprecatedSince: null, sunsetOn: null, successor: null }],
    nextCursor: null,
  })
  const { headers } = await app.inject('/api/v1/errors')
  for (const name of ['deprecation', 'sunset', 'link']) assert.equal(headers[name], undefined)
})

test('a version is a folder: with a second one in the routes it is served, listed and documented', async (t) => {
  const app = await startCopy(t, '{}')
  assert.deepEqual((await app.inject('/api/v2/greeting')).json(), { hello: 'you' })
  assert.equal((await app.inject('/api/v2/errors')).statusCode, 200)
  assert.equal((await app.inject('/api/v1/errors')).statusCode, 200)
  assertEnvelope(await app.inject('/api/v1/greeting'), 'NotFoundError', '/api/v1/greeting')
  const names = (await app.inject('/api/versions')).json().items.map(({ name }: { name: string }) => name)
  assert.deepEqual(names, ['v1', 'v2'])
  const { paths } = app.swagger() as { paths: Record<string, { get: { operationId: string; deprecated?: boolean } }> }
  assert.equal(paths['/api/v2/greeting']?.get.operationId, 'greetV2')
  assert.equal(paths['/api/v1/errors']?.get.deprecated, undefined)
})

test('with one line, a version announces its end on every answer, and is 410 after it', async (t) => {
  const app = await startCopy(t, endOfV1)
  const headersOfV1 = {
    deprecation: '@2051222400',
    sunset: 'Sun, 01 Jul 2035 00:00:00 GMT',
    link: '</api/v2>; rel="successor-version"',
  }
  const statusOfV1 = async () => (await app.inject('/api/versions')).json().items[0].status
  t.mock.timers.enable({ apis: ['Date'], now: Date.parse('2034-12-31') })
  assert.equal(await statusOfV1(), 'current')

  t.mock.timers.setTime(Date.parse('2035-06-30T23:59:59Z'))
  assert.equal(await statusOfV1(), 'deprecated')
  for (const request of requests) {
    const { headers, statusCode } = await app.inject(request)
    assert.notEqual(statusCode, 410)
    const { deprecation, sunset, link } = headers
    assert.deepEqual({ deprecation, sunset, link }, headersOfV1, `${request.method} ${request.url}`)
  }
  const { paths } = app.swagger() as unknown as {
    paths: Record<string, { get: { deprecated?: boolean; responses: Record<string, object> } }>
  }
  assert.equal(paths['/api/v1/errors']?.get.deprecated, true)
  assert.ok(paths['/api/v1/errors']?.get.responses['410'])
  assert.equal(paths['/api/v2/errors']?.get.deprecated, undefined)
  assert.equal(paths['/api/v2/errors']?.get.responses['410'], undefined)

  t.mock.timers.setTime(Date.parse('2035-07-01'))
  assert.equal(await statusOfV1(), 'gone')
  for (const request of requests) {
    const answer = await app.inject(request)
    assert.equal(answer.statusCode, 410, `${request.method} ${request.url}`)
    if (request.method !== 'HEAD') assertEnvelope(answer, 'GoneError', request.url)
    assert.equal(answer.headers.link, headersOfV1.link)
  }
  for (const url of ['/api/v2/errors', '/api/versions', '/health/live']) {
    const { statusCode, headers } = await app.inject(url)
    assert.equal(statusCode, 200)
    assert.equal(headers.deprecation, undefined)
  }
})

test('a successor that is not there is found at start', async (t) => {
  await assert.rejects(startCopy(t, `{ v1: { deprecatedSince: '2035-01-01', successor: 'v3' } }`), /v3/)
})
