import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crash } from '#test/crash'

test('no acknowledged write is lost, and none told twice, while everything is killed once', async (t) => {
  const figures = await crash(t, { writes: 600, kills: 1 })
  if (!figures) return
  const { lost, eventsPerRegistration, duplicatesInTrail, leftInOutbox } = figures
  assert.deepEqual([lost, eventsPerRegistration, duplicatesInTrail, leftInOutbox], [0, [1, 1], 0, 0])
})
