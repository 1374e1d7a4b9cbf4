import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compare, median, percentile, spread } from './statistics.ts'

test('the median of an odd number of values is the one in the middle', () => {
  assert.equal(median([5, 1, 100]), 5)
})

test('the median of an even number of values is the mean of the two in the middle', () => {
  assert.equal(median([4, 1, 100, 2]), 3)
})

test('a percentile is a value that was measured', () => {
  const values = Array.from({ length: 200 }, (_, n) => 200 - n)
  assert.equal(percentile(values, 99), 198)
  assert.equal(percentile(values, 50), 100)
  assert.equal(percentile([7], 99), 7)
})

test('values keep their order', () => {
  const values = [3, 1, 2]
  spread(values)
  assert.deepEqual(values, [3, 1, 2])
})

test('a spread runs from the smallest to the largest value', () => {
  assert.deepEqual(spread([30, 10, 20]), { median: 20, min: 10, max: 30 })
})

test('nothing has no median', () => {
  assert.throws(() => median([]), RangeError)
})

test('series are alike when their medians are within the tolerance of each other, whichever is larger', () => {
  const verdict = (a: number, b: number) => compare([a], [b], 0.1).alike
  assert.ok(verdict(100, 109))
  assert.ok(verdict(109, 100))
  assert.ok(!verdict(100, 111))
  assert.ok(!verdict(111, 100))
})

test('one slow value does not make series differ', () => {
  assert.deepEqual(compare([10, 10, 10], [10, 10, 9000], 0.1), { medians: [10, 10], ratio: 1, alike: true })
})
