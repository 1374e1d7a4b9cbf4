import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createVersions, versionOf } from '#src/versions'

test('a version is current, then deprecated, then gone, to the millisecond', () => {
  let now = 0
  const versions = createVersions(
    { v1: { deprecatedSince: '2027-01-01', sunsetOn: '2027-07-01T12:00:00Z' } },
    () => now,
  )
  const statusAt = (moment: string, ms = 0) => {
    now = Date.parse(moment) + ms
    return versions.statusOf('v1')
  }
  assert.equal(statusAt('2027-01-01', -1), 'current')
  assert.equal(statusAt('2027-01-01'), 'deprecated')
  assert.equal(statusAt('2027-07-01T12:00:00Z', -1), 'deprecated')
  assert.equal(statusAt('2027-07-01T12:00:00Z'), 'gone')
  assert.equal(versions.statusOf('v2'), 'current')
})

test('the headers say what is known of the end, in the forms of their standards', () => {
  const versions = createVersions({
    v1: { deprecatedSince: '2027-01-01', sunsetOn: '2027-07-01', successor: 'v2', guide: 'https://example.com/to-v2' },
    v2: { deprecatedSince: '2028-01-01T00:00:00.999Z' },
  })
  assert.deepEqual(versions.headersOf('v1'), {
    deprecation: '@1798761600',
    sunset: 'Thu, 01 Jul 2027 00:00:00 GMT',
    link: '</api/v2>; rel="successor-version", <https://example.com/to-v2>; rel="deprecation"',
  })
  assert.deepEqual(versions.headersOf('v2'), { deprecation: '@1830297600' })
  assert.deepEqual(versions.headersOf('v3'), {})
})

test('a lifecycle that is not in order is refused', () => {
  for (const lifecycle of [
    { deprecatedSince: 'soon' },
    { deprecatedSince: '2027-01-01', sunsetOn: 'later' },
    { deprecatedSince: '2027-01-01', sunsetOn: '2026-12-31' },
  ]) {
    assert.throws(() => createVersions({ v1: lifecycle }), /v1/)
  }
})

test('a path belongs to the version that it begins with', () => {
  for (const path of ['/api/v1', '/api/v1/', '/api/v1/users/:id']) assert.equal(versionOf(path), 'v1')
  assert.equal(versionOf('/api/v12/x'), 'v12')
  for (const path of ['/api/versions', '/api/v1x', '/api/v', '/v1/api', '/x/api/v1', '/health', '']) {
    assert.equal(versionOf(path), undefined, path)
  }
})
