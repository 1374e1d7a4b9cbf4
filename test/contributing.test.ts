import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { createDatabase } from '#test/postgres'

const root = join(import.meta.dirname, '..')
const fileBlock = /<!-- file: (\S+) -->\n```ts\n(.*?)```/gs

// Runs in the copy. Prints what a caller, a reader of the documentation and an operator see of the new endpoint.
const probe = `
import { buildApp } from './src/app.ts'
import { loadConfig } from './src/config.ts'
const app = await buildApp(loadConfig())
while ((await app.health.readiness()).status !== 'ready') await new Promise((resolve) => setTimeout(resolve, 20))
const password = 'correct horse battery staple'
const send = (url, payload) => app.inject({ method: 'POST', url: '/api/v1/auth/' + url, payload })
await send('register', { email: 'ada@example.com', password, fullName: 'Ada Lovelace' })
const { accessToken } = (await send('login', { email: 'ada@example.com', password })).json()
const url = '/api/v1/users/me/greeting'
const stranger = await app.inject({ url })
const greeting = await app.inject({ url, headers: { authorization: 'Bearer ' + accessToken } })
const metrics = await app.inject({ url: '/metrics' })
console.log(JSON.stringify({
  stranger: stranger.json().name,
  greeting: greeting.json(),
  limited: greeting.headers['ratelimit-policy'],
  documented: app.swagger().paths[url].get.operationId,
  measured: metrics.body.includes('http_request_duration_seconds_count{method="GET",route="' + url + '",status_code="200"} 1'),
}))
await app.close()
`

test('following CONTRIBUTING adds a working, documented, limited and measured endpoint in under twenty lines', async (t) => {
  const { url } = await createDatabase(t)
  const copy = await mkdtemp(join(tmpdir(), 'gatehouse-contributing-'))
  t.after(() => rm(copy, { recursive: true, force: true }))
  for (const part of ['src', 'db', 'plugins', 'routes', 'package.json', '.env.example']) {
    await cp(join(root, part), join(copy, part), { recursive: true })
  }
  await symlink(join(root, 'node_modules'), join(copy, 'node_modules'))

  const blocks = [...(await readFile(join(root, 'CONTRIBUTING.md'), 'utf8')).matchAll(fileBlock)]
  assert.ok(blocks.length > 0)
  const lines = blocks.flatMap(([, , code = '']) => code.split('\n').filter((line) => line.trim() !== ''))
  assert.ok(lines.length < 20, `${lines.length} lines`)
  for (const [, path = '', code = ''] of blocks) await writeFile(join(copy, path), code)

  await writeFile(join(copy, 'probe.ts'), probe)
  const child = spawn(process.execPath, ['probe.ts'], {
    cwd: copy,
    env: { PATH: process.env.PATH, NODE_ENV: 'test', POSTGRES_URL: url },
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: 30_000,
  })
  const output = (await child.stdout.toArray()).join('')
  if (child.exitCode === null) await once(child, 'exit')
  assert.deepEqual(JSON.parse(output), {
    stranger: 'AuthenticationRequiredError',
    greeting: { message: 'Good day, Ada Lovelace' },
    limited: '"default";q=300;w=60',
    documented: 'getGreeting',
    measured: true,
  })
})
