import assert from 'node:assert/strict'
import { test } from 'node:test'
import { newId, uuidOf } from '#src/ids'

test('ids are UUIDv7 of the present', () => {
  const before = Date.now()
  const id = newId()
  assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  const time = Number.parseInt(id.slice(0, 13).replace('-', ''), 16)
  assert.ok(time >= before - 1 && time <= Date.now() + 1)
})

test('ids sort in the order they were made, however many a millisecond has', () => {
  const ids = Array.from({ length: 100_000 }, newId)
  assert.deepEqual(ids.toSorted(), ids)
  assert.equal(new Set(ids).size, ids.length)
})

test('ids can not be guessed from one another', () => {
  const tails = Array.from({ length: 1000 }, () => newId().slice(19))
  assert.equal(new Set(tails).size, tails.length)
})

test('sixteen bytes are read as the id that they are', () => {
  const id = newId()
  assert.equal(uuidOf(Buffer.from(id.replaceAll('-', ''), 'hex')), id)
})
