import assert from 'node:assert/strict'
import { test } from 'node:test'
import { findTool, run } from '#test/tools'

test('hadolint has nothing to say about the image', async (t) => {
  const hadolint = findTool(t, 'hadolint')
  if (hadolint === null) return
  assert.deepEqual(await run(hadolint, ['Dockerfile']), { status: 0, output: '' })
})
