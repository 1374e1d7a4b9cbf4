import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { createEmptyDatabase } from '#test/postgres'

function run(argument: readonly string[], url: string) {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['db/postgres/cli.ts', ...argument], {
    env: { NODE_ENV: 'test', POSTGRES_URL: url },
    encoding: 'utf8',
  })
  return { status, stdout, stderr }
}

test('the command line applies migrations, takes one back, and says which', async (t) => {
  const { url } = await createEmptyDatabase(t)
  assert.match(run(['up'], url).stdout, /^Applied 0001_accounts, 0002_audit_trail/)
  assert.deepEqual(run(['up'], url), { status: 0, stdout: 'Nothing to apply\n', stderr: '' })
  assert.match(run(['down'], url).stdout, /^Rolled back \d+_\w+\n$/)
})

test('the command line says in one line what went wrong, and fails', () => {
  const nowhere = 'postgres://gatehouse:secret@127.0.0.1:1/gatehouse'
  assert.deepEqual(run(['up'], nowhere), {
    status: 1,
    stdout: '',
    stderr: 'The database is not available: connect ECONNREFUSED 127.0.0.1:1\n',
  })
  assert.match(run(['new', '../Evil'], nowhere).stderr, /^Usage: /)
  assert.match(run(['sideways'], nowhere).stderr, /^Unknown command "sideways"/)
})

test('the command line seeds plausible accounts, once', async (t) => {
  const { url } = await createEmptyDatabase(t)
  assert.match(run(['seed', '600'], url).stdout, /^600 new accounts; /)
  assert.match(run(['seed', '700'], url).stdout, /^100 new accounts; /)
  assert.match(run(['seed', 'many'], url).stderr, /^Usage: npm run seed/)
})
