import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { promisify } from 'node:util'

const program = `
  const { kept } = await import('#src/tick-shape')
  const { executionAsyncResource } = await import('node:async_hooks')
  const made = () => new Promise((resolve) => process.nextTick(() => resolve(executionAsyncResource())))
  await made()
  for (let n = 0; n < 5; n++) gc({ type: 'major' })
  console.log(kept.length, %HaveSameMap(kept[0], await made()))`

test('ticks made after garbage collections have the shape of the one that is kept', async () => {
  const flags = ['--expose-gc', '--allow-natives-syntax', '--input-type=module', '--eval', program]
  const { stdout } = await promisify(execFile)(process.execPath, flags, { timeout: 10_000 })
  assert.equal(stdout, '1 true\n')
})
