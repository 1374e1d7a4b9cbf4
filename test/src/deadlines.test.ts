import assert from 'node:assert/strict'
import { suite, type TestContext, test } from 'node:test'
import { createDeadlines } from '#src/deadlines'

const LIMIT_MS = 1000

function setUp(t: TestContext) {
  let now = 0
  t.mock.method(performance, 'now', () => now)
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const late: [item: string, at: number][] = []
  const deadlines = createDeadlines<string>(LIMIT_MS, (item) => late.push([item, now]))
  const pass = (ms: number) => {
    // The mocked clock of the timers and ours go together.
    for (let n = 0; n < ms; n++) {
      now += 1
      t.mock.timers.tick(1)
    }
  }
  return { deadlines, late, pass }
}

suite('deadlines', () => {
  test('tell of each item when its own time is over', (t) => {
    const { deadlines, late, pass } = setUp(t)
    deadlines.add('a')
    deadlines.add('b')
    pass(300)
    deadlines.add('c')
    pass(2 * LIMIT_MS)
    assert.deepEqual(late, [
      ['a', 1000],
      ['b', 1000],
      ['c', 1300],
    ])
    deadlines.add('d')
    pass(LIMIT_MS)
    assert.deepEqual(late.at(-1), ['d', 3300])
  })

  test('are over for what was taken out, wherever it stood, and how often', (t) => {
    const { deadlines, late, pass } = setUp(t)
    const [a, , c, , e] = ['a', 'b', 'c', 'd', 'e'].map((item) => deadlines.add(item))
    for (const taken of [c, a, e, c]) if (taken) deadlines.remove(taken)
    pass(10)
    deadlines.add('f')
    pass(LIMIT_MS)
    assert.deepEqual(late, [
      ['b', 1000],
      ['d', 1000],
      ['f', 1010],
    ])
  })

  test('hold nothing of what was taken out', (t) => {
    const { deadlines } = setUp(t)
    const [a, b, c] = ['a', 'b', 'c'].map((item) => deadlines.add(item))
    if (b) deadlines.remove(b)
    assert.deepEqual([b?.item, b?.before, b?.after], [null, null, null])
    assert.deepEqual([a?.after, c?.before], [c, a])
  })

  test('are for nobody after a stop', (t) => {
    const { deadlines, late, pass } = setUp(t)
    deadlines.add('a')
    deadlines.stop()
    pass(2 * LIMIT_MS)
    assert.deepEqual(late, [])
  })
})
