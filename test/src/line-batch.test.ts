import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate, setTimeout } from 'node:timers/promises'
import { flushLines, writeLine } from '#src/line-batch'

test('the lines of one turn are written together, each to its own stream, in their order', async () => {
  const writes: [stream: string, lines: string][] = []
  const [a, b] = ['a', 'b'].map((name) => ({ write: (lines: string) => writes.push([name, lines]) }))
  assert.ok(a && b)
  for (const line of ['1\n', '2\n']) writeLine(a, line)
  writeLine(b, '3\n')
  writeLine(a, '4\n')
  await setImmediate()
  writeLine(a, '5\n')
  assert.equal(writes.length, 3)
  await setImmediate()
  assert.deepEqual(writes, [
    ['a', '1\n2\n'],
    ['b', '3\n'],
    ['a', '4\n'],
    ['a', '5\n'],
  ])
})

test('a stream that writes on a thread gets lines in intervals, and at once what others must come after', async () => {
  const writes: string[] = []
  const stream = { sync: false, write: (lines: string) => writes.push(lines) }
  writeLine(stream, '1\n')
  await setImmediate()
  writeLine(stream, '2\n')
  await setImmediate()
  writeLine(stream, '3\n')
  await setImmediate()
  assert.deepEqual(writes, ['1\n'])
  await setTimeout(20)
  assert.deepEqual(writes, ['1\n', '2\n3\n'])
  writeLine(stream, '4\n')
  flushLines()
  assert.deepEqual(writes, ['1\n', '2\n3\n', '4\n'])
  await setTimeout(20)
  assert.equal(writes.length, 3)
})
