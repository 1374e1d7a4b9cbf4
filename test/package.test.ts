import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import { startApp } from '#test/app'
import { createDatabase } from '#test/postgres'

const root = join(import.meta.dirname, '..')
const run = promisify(execFile)

/** A program of a team that grows its own routes: it is type-checked, and run. */
const program = `
import { Type } from '@sinclair/typebox'
import { AppError, buildApp, type Config, errorNames, errorRegistry, loadConfig, type SessionStore } from 'gatehouse'
import { answer } from 'gatehouse/schemas'

const config: Config = loadConfig()
const app = await buildApp(config)
const stores: SessionStore[] = []

await app.register(async (api) => {
  api.addHook('onRequest', app.authenticate)
  api.get('/orders', {
    schema: {
      operationId: 'listOrders',
      summary: 'List orders',
      description: 'Newest first.',
      tags: ['account'],
      security: [{ accessToken: [] }],
      errors: ['NotFoundError'],
      response: { 200: answer('Orders', Type.Object({ owner: Type.String() }), { owner: 'user@example.com' }) },
    },
  }, async (request) => {
    if (request.query === null) throw new AppError('NotFoundError', 'Not found')
    return { owner: request.authenticated().user.email }
  })
}, { prefix: '/api/v1' })

while ((await app.health.readiness()).status !== 'ready') await new Promise((resolve) => setTimeout(resolve, 20))
const password = 'correct horse battery staple'
const send = (url: string, payload: object) => app.inject({ method: 'POST', url: '/api/v1/auth/' + url, payload })
await send('register', { email: 'ada@example.com', password, fullName: 'Ada' })
const { accessToken } = (await send('login', { email: 'ada@example.com', password })).json()
const orders = await app.inject({ url: '/api/v1/orders', headers: { authorization: 'Bearer ' + accessToken } })
const stranger = await app.inject({ url: '/api/v1/orders' })
await app.close()
const [first] = errorNames
console.log(JSON.stringify({
  orders: orders.json(), stranger: stranger.json().name, status: errorRegistry[first].status, stores: stores.length,
}))
`

const clientProgram = `
import { createGatehouse, type ErrorEnvelope, memoryTokens } from 'gatehouse-client'

const tokens = memoryTokens()
const gatehouse = createGatehouse({ baseUrl: String(process.env.ADDRESS), tokens })
const body = { email: 'ada@example.com', password: 'correct horse battery staple', fullName: 'Ada' }
await gatehouse.POST('/api/v1/auth/register', { body })
const again = await gatehouse.POST('/api/v1/auth/register', { body })
const error: ErrorEnvelope | undefined = again.error
const login = await gatehouse.POST('/api/v1/auth/login', { body: { email: body.email, password: body.password } })
if (login.data) tokens.write(login.data)
const me = await gatehouse.GET('/api/v1/users/me')
const sessions = await gatehouse.GET('/api/v1/users/me/sessions')
console.log(JSON.stringify({
  taken: error?.name, fullName: me.data?.fullName, sessions: sessions.data?.items.length,
}))
`

test('the package, installed from its tarball, serves a route of its user beside ours', {
  timeout: 180_000,
}, async (t) => {
  const { url } = await createDatabase(t)
  const project = await projectWith(t, root, 'gatehouse-1.0.0.tgz', program)
  const output = await runProgram(project, { NODE_ENV: 'test', POSTGRES_URL: url })
  assert.deepEqual(output, {
    orders: { owner: 'ada@example.com' },
    stranger: 'AuthenticationRequiredError',
    status: 400,
    stores: 0,
  })
})

test('the client, installed from its tarball, calls the service with types', { timeout: 180_000 }, async (t) => {
  const { app } = await startApp(t)
  const address = await app.listen({ host: '127.0.0.1', port: 0 })
  const project = await projectWith(t, join(root, 'client'), 'gatehouse-client-1.0.0.tgz', clientProgram)
  assert.deepEqual(await runProgram(project, { ADDRESS: address }), {
    taken: 'EmailTakenError',
    fullName: 'Ada',
    sessions: 1,
  })
})

/** An empty project with a packed package and a program that has passed the type checker. */
async function projectWith(t: TestContext, packageFolder: string, tarball: string, source: string): Promise<string> {
  const [packed, project] = [await temporaryFolder(t), await temporaryFolder(t)]
  await npm(packageFolder, 'pack', '--pack-destination', packed)
  await writeFile(join(project, 'package.json'), JSON.stringify({ type: 'module', private: true }))
  await npm(project, 'install', '--no-audit', '--prefer-offline', join(packed, tarball))

  // The checker and Node's types are not part of what is tested.
  for (const tool of ['typescript', '@types/node', 'undici-types']) {
    await cp(join(root, 'node_modules', tool), join(project, 'node_modules', tool), { recursive: true })
  }
  await writeFile(join(project, 'program.ts'), source)
  const options = [
    '--noEmit',
    '--strict',
    '--module',
    'nodenext',
    '--target',
    'esnext',
    '--types',
    'node',
    '--skipLibCheck',
  ]
  await run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), ...options, 'program.ts'], {
    cwd: project,
  })
  return project
}

/** What the program of a project prints. */
async function runProgram(project: string, environment: Record<string, string>): Promise<unknown> {
  const { stdout } = await run(process.execPath, ['program.ts'], {
    cwd: project,
    env: { PATH: process.env.PATH, ...environment },
    timeout: 30_000,
  })
  return JSON.parse(stdout)
}

async function npm(cwd: string, ...command: string[]): Promise<void> {
  await run('npm', command, { cwd, env: { ...process.env, CI: 'true' } })
}

async function temporaryFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'gatehouse-package-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return folder
}
