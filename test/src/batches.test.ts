import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { createBatches } from '#src/batches'

/** Two lanes, three jobs in a batch; a batch is under way until it is finished. */
function setUp() {
  const batches: number[][] = []
  const underWay: { finish(): void; fail(error: Error): void }[] = []
  const run = createBatches<number, string>({
    ...{ lanes: 2, size: 3 },
    run(jobs) {
      batches.push([...jobs])
      const { promise, resolve, reject } = Promise.withResolvers<string[]>()
      underWay.push({ finish: () => resolve(jobs.map(String)), fail: reject })
      return promise
    },
  })
  const finishOldest = async () => {
    underWay.shift()?.finish()
    await setImmediate()
  }
  return { run, batches, underWay, finishOldest }
}

suite('batches', () => {
  test('are of one job while a lane is free', () => {
    const { run, batches } = setUp()
    for (const job of [1, 2, 3]) void run(job)
    assert.deepEqual(batches, [[1], [2]])
  })

  test('are complete when enough wait for all lanes, and the results go to whom they belong', async () => {
    const { run, batches, finishOldest } = setUp()
    const results = [1, 2, 3, 4, 5, 6, 7, 8, 9].map(run)
    await finishOldest()
    assert.deepEqual(batches, [[1], [2], [3, 4, 5]])
    await finishOldest()
    assert.deepEqual(batches.slice(3), [[6]], 'too few are left for a batch in each lane')
    for (let n = 0; n < 5; n++) await finishOldest()
    assert.deepEqual(batches.flat(), [1, 2, 3, 4, 5, 6, 7, 8, 9])
    assert.deepEqual(await Promise.all(results), ['1', '2', '3', '4', '5', '6', '7', '8', '9'])
  })

  test('that fail fail their jobs, and the next ones go on', async () => {
    const { run, batches, underWay, finishOldest } = setUp()
    const [first, , third] = [run(1), run(2), run(3)]
    underWay.shift()?.fail(new Error('the lane broke'))
    await assert.rejects(async () => first, { message: 'the lane broke' })
    await finishOldest()
    await finishOldest()
    assert.deepEqual(batches, [[1], [2], [3]])
    assert.equal(await third, '3')
  })
})
