import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { newId } from '#src/ids'
import { isNotModified, matchedVersions, userEtag } from '../../../src/accounts/etag.ts'

const user = { id: newId(), version: 7 }
const etag = userEtag(user)
const of = (version: string | number) => `"${user.id}.${version}"`

test('an ETag is strong, and differs between states and between users', () => {
  assert.match(etag, /^"[\x21\x23-\x7e]+"$/)
  assert.notEqual(userEtag({ ...user, version: 8 }), etag)
  assert.notEqual(userEtag({ ...user, id: newId() }), etag)
})

suite('If-Match', () => {
  test('accepts any version where it is missing or *', () => {
    assert.equal(matchedVersions(undefined, user.id), null)
    assert.equal(matchedVersions(' * ', user.id), null)
  })

  test('accepts the versions that it lists, empty elements and commas in tags allowed', () => {
    assert.deepEqual(matchedVersions(etag, user.id), [7])
    assert.deepEqual(matchedVersions(`,"a,b" , ${of(8)},, ${etag}\t,`, user.id), [8, 7])
  })

  test('matches no weak tag, no tag of another user, and no version that can not be', () => {
    const other = userEtag({ id: newId(), version: 7 })
    const tags = [`W/${etag}`, other, '"7"', '""', of(0), of('07'), of('7.0'), of(2 ** 31), of('9'.repeat(30)), of(-1)]
    for (const tag of tags) assert.deepEqual(matchedVersions(tag, user.id), [], tag)
  })

  test('is refused when it is malformed', () => {
    const malformed = ['', ' ', ',', 'etag', '"', `${etag} ${etag}`, `*, ${etag}`, `w/${etag}`, `${etag};`, '"a b"']
    for (const header of malformed) {
      assert.throws(() => matchedVersions(header, user.id), { name: 'ValidationError' }, header)
    }
  })

  test('is read in linear time', () => {
    const startedAt = performance.now()
    assert.throws(() => matchedVersions('"a'.repeat(5000), user.id))
    assert.throws(() => matchedVersions(`${'"",'.repeat(5000)}x`, user.id))
    assert.ok(performance.now() - startedAt < 200)
  })
})

test('If-None-Match compares weakly, and does not match where it is malformed', () => {
  for (const header of [etag, `W/${etag}`, '*', `"other", ${etag}`]) assert.equal(isNotModified(header, user), true)
  for (const header of [undefined, of(6), 'etag', '', `${etag} x`]) assert.equal(isNotModified(header, user), false)
})
