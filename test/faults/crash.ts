// The long form of the crash test, which prints what it counts: `npm run test:faults`.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crash } from '#test/crash'

test('no acknowledged write is lost, and none told twice, while everything is killed time and again', async (t) => {
  const figures = await crash(t, { writes: 5000, kills: 3 })
  if (!figures) return
  const { eventsPerRegistration: events, kills } = figures
  console.log(`acknowledged writes                       ${figures.acknowledgedWrites}, in ${figures.seconds} s`)
  console.log(`kills of service, PostgreSQL, MongoDB     ${kills.service}, ${kills.postgres}, ${kills.mongodb}`)
  console.log(`lost                                      ${figures.lost}`)
  console.log(`acknowledged registrations                ${figures.acknowledgedRegistrations}`)
  console.log(`registration events for each, least-most  ${events.join('-')}`)
  console.log(`duplicates in the trail                   ${figures.duplicatesInTrail}`)
  console.log(`left in the outbox                        ${figures.leftInOutbox}`)
  assert.deepEqual([figures.lost, events, figures.duplicatesInTrail, figures.leftInOutbox], [0, [1, 1], 0, 0])
})
