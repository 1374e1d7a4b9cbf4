import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { createCursors } from '#src/cursors'
import { newId } from '#src/ids'

const [key, other] = [randomBytes(32), randomBytes(32)]
const cursors = createCursors([key])

function assertRefused(read: () => string, what: string) {
  assert.throws(
    read,
    ({ name, errors }) => {
      assert.equal(name, 'ValidationError')
      assert.equal(errors[0].pointer, '/cursor')
      return true
    },
    what,
  )
}

test('a cursor gives back the id that it was made of', () => {
  for (let n = 0; n < 100; n++) {
    const id = newId()
    assert.equal(cursors.read('list', cursors.issue('list', id)), id)
  }
})

test('a cursor is good for its own list only', () => {
  const cursor = cursors.issue('sessions of ada', newId())
  for (const list of ['sessions of bob', 'sessions of ada\n', 'sessions of ad', '']) {
    assertRefused(() => cursors.read(list, cursor), list)
  }
})

test('a cursor outlives a change of the key that signs', () => {
  const id = newId()
  const cursor = createCursors([other]).issue('list', id)
  assert.equal(createCursors([key, other]).read('list', cursor), id)
  assertRefused(() => cursors.read('list', cursor), 'a foreign key')
})

test('a cursor with any bit changed, or of any other shape, is refused', () => {
  const cursor = cursors.issue('list', newId())
  const bytes = Buffer.from(cursor, 'base64url')
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const changed = Buffer.from(bytes)
    changed.writeUInt8(changed.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3)
    assertRefused(() => cursors.read('list', changed.toString('base64url')), `bit ${bit}`)
  }
  const shapes = ['', 'x', `${cursor}=`, ` ${cursor}`, cursor.slice(1), `${cursor}A`, '😀'.repeat(20), 'A'.repeat(43)]
  for (const shape of shapes) assertRefused(() => cursors.read('list', shape), shape)
})
