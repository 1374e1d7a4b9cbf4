import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { createGroups } from '#src/groups'

function setUp(waiting: number) {
  const state = { waiting }
  const inGroups = createGroups(3, () => state.waiting)
  const gone: number[] = []
  const come = (...numbers: number[]) => {
    for (const number of numbers) void inGroups().then(() => gone.push(number))
  }
  return { state, come, gone }
}

suite('groups', () => {
  test('go on when they are complete, in the order in which they came', async () => {
    const { come, gone } = setUp(100)
    come(1, 2)
    await setImmediate()
    assert.deepEqual(gone, [])
    come(3, 4)
    await setImmediate()
    assert.deepEqual(gone, [1, 2, 3])
  })

  test('hold nobody back when too few wait to complete them', async () => {
    const { state, come, gone } = setUp(100)
    come(1, 2)
    state.waiting = 2
    come(3)
    await setImmediate()
    assert.deepEqual(gone, [1, 2, 3])
    come(4)
    await setImmediate()
    assert.deepEqual(gone, [1, 2, 3, 4])
  })
})
