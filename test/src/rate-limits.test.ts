import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { type Counters, createLocalCounters, createSettledCounters, createSharedCounters } from '#src/rate-limits'

const MINUTE = 60_000

suite('counters in memory', () => {
  test('count in windows that begin with the first event', () => {
    let now = 500
    const counters = createLocalCounters(10, () => now)
    assert.deepEqual(counters.increment('a', MINUTE), { current: 1, ttlMs: MINUTE })
    now += 20_000
    assert.deepEqual(counters.increment('a', MINUTE), { current: 2, ttlMs: 40_000 })
    assert.deepEqual(counters.increment('b', 1000), { current: 1, ttlMs: 1000 })
    now += 40_000
    assert.deepEqual(counters.increment('a', MINUTE), { current: 1, ttlMs: MINUTE })
  })

  test('keep a bounded number of keys, and forget the oldest window first', () => {
    let now = 0
    const counters = createLocalCounters(3, () => now)
    for (const key of ['old', 'renewed', 'young']) counters.increment(key, key === 'renewed' ? 10 : MINUTE)
    now += 10
    counters.increment('renewed', MINUTE)
    counters.increment('newcomer', MINUTE)
    assert.equal(counters.increment('young', MINUTE).current, 2)
    assert.equal(counters.increment('renewed', MINUTE).current, 2)
    assert.equal(counters.increment('newcomer', MINUTE).current, 2)
    assert.equal(counters.increment('old', MINUTE).current, 1)
  })

  test('cost bounded memory under a flood of keys', () => {
    const counters = createLocalCounters(1000)
    const before = process.memoryUsage().heapUsed
    for (let key = 0; key < 300_000; key++) counters.increment(`address:${key}`, MINUTE)
    assert.ok(process.memoryUsage().heapUsed - before < 64 * 2 ** 20)
  })
})

suite('shared counters', () => {
  const PAUSE_MS = 1000

  /** Shared counters that are counted, can be away, and answer when the test says so. */
  function setUp() {
    const state = { now: 0, away: false, calls: 0 }
    const counts = new Map<string, number>()
    const shared: Counters = {
      async increment(key, windowMs) {
        state.calls += 1
        if (state.away) throw new Error('connection refused')
        counts.set(key, (counts.get(key) ?? 0) + 1)
        return { current: counts.get(key) ?? 0, ttlMs: windowMs }
      },
    }
    const instance = () =>
      createSharedCounters(
        shared,
        createLocalCounters(100, () => state.now),
        PAUSE_MS,
        () => state.now,
      )
    return { state, instance, counts }
  }

  test('are one for all instances', async () => {
    const { instance } = setUp()
    const [a, b] = [instance(), instance()]
    await a.increment('key', MINUTE)
    assert.equal((await b.increment('key', MINUTE)).current, 2)
    assert.equal((await a.increment('key', MINUTE)).current, 3)
  })

  test('are replaced by the own count, which goes on from where it was', async () => {
    const { state, instance } = setUp()
    const counters = instance()
    await counters.increment('key', MINUTE)
    await counters.increment('key', MINUTE)
    state.away = true
    assert.equal((await counters.increment('key', MINUTE)).current, 3)
    assert.equal((await counters.increment('key', MINUTE)).current, 4)
  })

  test('that come back empty do not give anybody a second budget', async () => {
    const { state, instance, counts } = setUp()
    const counters = instance()
    for (let n = 0; n < 5; n++) await counters.increment('key', MINUTE)
    counts.clear()
    assert.equal((await counters.increment('key', MINUTE)).current, 6)
    state.now = MINUTE
    assert.equal((await counters.increment('key', MINUTE)).current, 2, 'a new window is that of all instances')
  })

  test('are left alone after a failure, and then tried by one caller at a time', async () => {
    const { state, instance } = setUp()
    const counters = instance()
    const burst = () => Promise.all(Array.from({ length: 20 }, () => counters.increment('key', MINUTE)))
    state.away = true
    await counters.increment('key', MINUTE)
    state.calls = 0
    await burst()
    assert.equal(state.calls, 0)
    for (let second = 1; second <= 3; second++) {
      state.now = second * PAUSE_MS
      await burst()
      assert.equal(state.calls, second)
    }
    state.away = false
    state.now += PAUSE_MS
    await counters.increment('key', MINUTE)
    state.calls = 0
    await burst()
    assert.equal(state.calls, 20, 'they are back for everybody')
  })

  test('that hang hold up nobody but the caller who tries them', async () => {
    const { promise: hang, reject: giveUp } = Promise.withResolvers<never>()
    let now = 0
    let calls = 0
    const shared: Counters = {
      increment: () => (++calls === 1 ? Promise.reject(new Error('time is up')) : hang),
    }
    const counters = createSharedCounters(shared, createLocalCounters(100), PAUSE_MS, () => now)
    await counters.increment('key', MINUTE)
    now = PAUSE_MS
    const trying = counters.increment('key', MINUTE)
    const others = await Promise.all(Array.from({ length: 20 }, () => counters.increment('key', MINUTE)))
    assert.equal(others.at(-1)?.current, 22)
    assert.equal(calls, 2)
    giveUp(new Error('time is up'))
    assert.equal((await trying).current, 2)
  })
})

suite('counters that are settled later', () => {
  const SETTLE_MS = 15_000

  /** Two instances of a limit on the same shared counters, whose answers the test counts. */
  function setUp(max: number) {
    const counts = new Map<string, number>()
    const calls: number[] = []
    const shared: Counters = {
      async increment(key, windowMs, by = 1) {
        calls.push(by)
        counts.set(key, (counts.get(key) ?? 0) + by)
        return { current: counts.get(key) ?? 0, ttlMs: windowMs }
      },
    }
    const state = { now: 0 }
    const instance = () => createSettledCounters(shared, max, 100, SETTLE_MS, () => state.now)
    return { state, calls, counts, instances: [instance(), instance()] as const }
  }

  test('ask nobody about the first hundredth of a limit', async () => {
    const { calls, instances } = setUp(300)
    for (let n = 1; n <= 3; n++) {
      assert.deepEqual(instances[0].increment('a', MINUTE), { current: n, ttlMs: MINUTE })
    }
    assert.deepEqual(calls, [])
    assert.equal((await instances[0].increment('a', MINUTE)).current, 4)
    assert.deepEqual(calls, [4])
  })

  test('ask about every event of a limit too small to share out', async () => {
    const { calls, instances } = setUp(5)
    for (let n = 1; n <= 6; n++) assert.equal((await instances[n % 2]?.increment('a', MINUTE))?.current, n)
    assert.deepEqual(calls, [1, 1, 1, 1, 1, 1])
  })

  test('exceed a limit by a hundredth per instance at most', async () => {
    const { state, instances } = setUp(300)
    let allowed = 0
    for (let n = 0; n < 1000; n++) {
      state.now += 50
      const { current } = await instances[n % 2 === 0 ? 0 : 1].increment('a', MINUTE)
      if (current <= 300) allowed += 1
    }
    assert.ok(allowed >= 300 && allowed <= 306, `${allowed} were allowed`)
  })

  test('settle what was not asked about when it is due', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const { state, counts, instances } = setUp(300)
    for (const key of ['a', 'b']) void instances[0].increment(key, MINUTE)
    const pass = (ms: number) => {
      for (let passed = 0; passed < ms; passed += 25) {
        state.now += 25
        t.mock.timers.tick(25)
      }
    }
    pass(SETTLE_MS - 25)
    assert.deepEqual([...counts], [])
    pass(50)
    assert.deepEqual(
      [...counts],
      [
        ['a', 1],
        ['b', 1],
      ],
    )
    assert.equal((await instances[1].increment('a', MINUTE)).current, 1, 'the other one has not asked yet')
  })
})
