import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { startApp } from '#test/app'

test('the tour of the README works word for word', async (t) => {
  const { app } = await startApp(t)
  const address = await app.listen({ host: '127.0.0.1', port: 0 })
  const readme = await readFile(join(import.meta.dirname, '../README.md'), 'utf8')
  const tour = readme.slice(readme.indexOf('<!-- tour -->'), readme.indexOf('<!-- /tour -->'))
  const commands = [...tour.matchAll(/```sh\n(.*?)```/gs)].map(([, code]) => code)
  assert.equal(commands.length, 4)

  // Every answer on lines of its own, with its status.
  const script = commands.join('\n').replaceAll('http://127.0.0.1:3000', address)
  const { stdout } = await promisify(execFile)('sh', ['-e', '-c', script.replaceAll('\ncurl -', '\necho; curl -')], {
    timeout: 20_000,
  })
  const bodies = stdout
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line))
  const [registered, read, changed, sessions, activity, refreshed, refused] = bodies
  assert.equal(registered.email, 'ada@example.com')
  assert.deepEqual(read, registered)
  assert.equal(changed.fullName, 'Augusta Ada King')
  assert.deepEqual(
    sessions.items.map(({ deviceName }: { deviceName: string }) => deviceName),
    ['Terminal'],
  )
  assert.ok(activity.items.every(({ outcome }: { outcome: string }) => outcome === 'success'))
  assert.equal(refreshed.tokenType, 'Bearer')
  assert.equal(refused.name, 'InvalidTokenError')
  assert.match(stdout, /HTTP\/1\.1 201 Created/)
  assert.match(stdout, /HTTP\/1\.1 204 No Content/)
})
