import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { testsOf } from './changed.ts'
import { messageProblems } from './commit-message.ts'

const root = join(import.meta.dirname, '..')

test('the hooks refuse bad format, a type error and a message without shape, in a fresh clone', {
  timeout: 120_000,
}, (t) => {
  const clone = cloneWithHooks(t)
  const commit = (file: string, content: string, message: string) => {
    writeFileSync(join(clone, file), content)
    run(clone, 'git', 'add', file)
    const { status, output } = run(clone, 'git', 'commit', '-m', message)
    run(clone, 'git', 'reset', '--quiet', '--hard', 'HEAD')
    return { status, output }
  }
  const typeError = commit('src/wrong.ts', "export const wrong: number = 'text'\n", 'Add something wrong')
  assert.notEqual(typeError.status, 0)
  assert.match(typeError.output, /not assignable to type 'number'/)

  const badFormat = commit('docs/untidy.json', '{"a"  :1}\n', 'Add something untidy')
  assert.notEqual(badFormat.status, 0)
  assert.match(badFormat.output, /Formatter would have printed/)

  const badMessage = commit('docs/note.md', 'A note.\n', 'feat: add a note.')
  assert.notEqual(badMessage.status, 0)
  assert.match(badMessage.output, /the subject has no prefix/)

  const good = commit('docs/note.md', 'A note.\n', 'Add a note')
  assert.equal(good.status, 0, good.output)
})

test('the shape of a commit message is a subject, and a body after an empty line', () => {
  for (const good of ['Add a note', 'Add a note\n\nBecause.', 'Merge branch x', '# a comment\nAdd a note'.slice(12)]) {
    assert.deepEqual(messageProblems(good), [], good)
  }
  for (const bad of ['add a note', 'Add a note.', 'Fix: a note', 'Add a note\nbecause', `A${'a'.repeat(72)}`, '']) {
    assert.ok(messageProblems(bad).length > 0, bad)
  }
})

test('the tests of a changed file are those at the mirrored place', () => {
  assert.deepEqual(testsOf('plugins/cors.ts'), ['test/plugins/cors.test.ts'])
  assert.deepEqual(testsOf('test/hooks.test.ts'), ['test/hooks.test.ts'])
  assert.ok(testsOf('db/postgres/pool.ts').length > 0)
  assert.deepEqual(testsOf('README.md'), [])
})

/** A clone of what is committed, with the hooks that `npm install` would install. */
function cloneWithHooks(t: TestContext): string {
  const clone = mkdtempSync(join(tmpdir(), 'gatehouse-hooks-'))
  t.after(() => rmSync(clone, { recursive: true, force: true }))
  run(clone, 'git', 'clone', '--quiet', root, '.')
  symlinkSync(join(root, 'node_modules'), join(clone, 'node_modules'))
  writeFileSync(join(clone, '.git/info/exclude'), 'node_modules\n')
  for (const [name, value] of [
    ['user.name', 'Test'],
    ['user.email', 'test@example.com'],
  ] as const) {
    run(clone, 'git', 'config', name, value)
  }
  const installed = run(clone, process.execPath, 'node_modules/lefthook/postinstall.js')
  assert.equal(installed.status, 0, installed.output)
  return clone
}

function run(cwd: string, program: string, ...args: string[]) {
  // Git tells its hooks where they are; those of the clone must not look here.
  const { CI, INIT_CWD, GIT_DIR, GIT_INDEX_FILE, GIT_WORK_TREE, NODE_TEST_CONTEXT, ...env } = process.env
  const { status, stdout, stderr } = spawnSync(program, args, { cwd, env, encoding: 'utf8' })
  return { status, output: stdout + stderr }
}
