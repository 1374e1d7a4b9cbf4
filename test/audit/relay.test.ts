import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { createAccountStore, createAuditOutbox, createDatabase as createKysely, poolOptions } from '#db/postgres'
import { type AuditEvent, type AuditTrail, runRelay } from '#src/audit'
import { until } from '#test/app'
import { newAuditEvent } from '#test/audit-events'
import { createDatabase } from '#test/postgres'

const silent = { debug() {}, info() {}, error() {} }

/** An outbox, and a way to run relays on it that are stopped with the test. */
async function openOutbox(t: TestContext) {
  const { url } = await createDatabase(t)
  const open = () => {
    const pool = new pg.Pool(poolOptions(url, { max: 3 }))
    const db = createKysely(pool)
    return { pool, db, outbox: createAuditOutbox(db, pool) }
  }
  const own = open()
  const stopping = new AbortController()
  const running: Promise<void>[] = []
  const pools = [own.pool]
  t.after(async () => {
    stopping.abort()
    await Promise.all(running)
    await Promise.all(pools.map((pool) => pool.end()))
  })
  return {
    db: own.db,
    record: (event: AuditEvent, db: typeof own.db = own.db) => createAccountStore(db).record(event),
    backlog: own.outbox.backlog,
    /** Starts a relay as another process would have one. */
    relayTo(append: AuditTrail['append'], { waitMs = 20, signal = stopping.signal } = {}) {
      const { pool, outbox } = open()
      pools.push(pool)
      const trail: AuditTrail = { append, page: async () => [], purge: async () => 0 }
      const backoff = () => ({ next: () => waitMs })
      const done = runRelay({ outbox, trail, backoff, log: silent, onRelayed() {} }, signal)
      running.push(done)
      return { done }
    },
  }
}

test('many relays at once deliver every event exactly once, while events come in', async (t) => {
  const { record, relayTo, backlog } = await openOutbox(t)
  const delivered: string[] = []
  const recorded: string[] = []
  for (let n = 0; n < 4; n++) {
    relayTo(async (events) => {
      await sleep(5)
      delivered.push(...events.map(({ id }) => id))
    })
  }
  await Promise.all(
    Array.from({ length: 300 }, async (_, n) => {
      const event = newAuditEvent()
      await sleep(n)
      await record(event)
      recorded.push(event.id)
    }),
  )
  await until(async () => (await backlog()).pending === 0, 'the outbox is empty')
  assert.deepEqual(delivered.toSorted(), recorded.toSorted())
})

test('an event whose transaction commits after that of a later one is not lost', async (t) => {
  const { db, record, relayTo } = await openOutbox(t)
  const [early, late] = [newAuditEvent(), newAuditEvent()]
  const delivered: string[] = []
  relayTo(async (events) => void delivered.push(...events.map(({ id }) => id)))
  await db.transaction().execute(async (tx) => {
    await record(early, tx)
    await record(late)
    await until(() => delivered.length > 0, 'the later event is delivered')
  })
  await until(() => delivered.length > 1, 'the earlier event is delivered')
  assert.deepEqual(delivered, [late.id, early.id])
})

test('events wait in the outbox while the trail fails, and the relay waits between its attempts', async (t) => {
  const { record, relayTo, backlog } = await openOutbox(t)
  let available = false
  const attempts: number[] = []
  const delivered: string[] = []
  const event = newAuditEvent()
  relayTo(
    async (events) => {
      attempts.push(performance.now())
      if (!available) throw new Error('the trail is away')
      delivered.push(...events.map(({ id }) => id))
    },
    { waitMs: 100 },
  )
  await record(event)
  await until(() => attempts.length > 0, 'the relay has tried')
  // Not even news make it try sooner.
  for (let n = 0; n < 20; n++) {
    await record(newAuditEvent())
    await sleep(20)
  }
  const waits = attempts.slice(1).map((at, n) => at - (attempts[n] ?? 0))
  assert.ok(waits.length > 0 && waits.every((ms) => ms > 95), `it waited ${waits}`)
  const { pending, oldestSeconds } = await backlog()
  assert.equal(pending, 21)
  assert.ok(oldestSeconds > 0.4, `the oldest event is said to wait for ${oldestSeconds} s`)

  available = true
  await until(async () => (await backlog()).pending === 0, 'the outbox is empty')
  assert.equal(delivered.length, 21)
  assert.equal(delivered[0], event.id)
  assert.deepEqual(await backlog(), { pending: 0, oldestSeconds: 0 })
})

test('an event reaches the trail at once, also one that comes in while others are on their way', async (t) => {
  const { record, relayTo } = await openOutbox(t)
  const waited: number[] = []
  relayTo(async (events) => {
    waited.push(...events.map(({ occurredAt }) => Date.now() - occurredAt.getTime()))
    await sleep(30)
  })
  await record(newAuditEvent())
  await until(() => waited.length === 1, 'the relay runs')
  for (let n = 2; n < 12; n++) {
    await record(newAuditEvent())
    await sleep(n * 4)
  }
  await until(() => waited.length === 11, 'all events are delivered')
  const slowest = Math.max(...waited.slice(1))
  assert.ok(slowest < 200, `an event waited for ${slowest} ms`)
})

test('a relay that is told to stop finishes the batch in hand, and takes no other', async (t) => {
  const { record, relayTo, backlog } = await openOutbox(t)
  const { promise: released, resolve: release } = Promise.withResolvers<void>()
  const stopping = new AbortController()
  const delivered: string[] = []
  const { done } = relayTo(
    async (events) => {
      delivered.push(...events.map(({ id }) => id))
      await released
    },
    { signal: stopping.signal },
  )
  const [first, second] = [newAuditEvent(), newAuditEvent()]
  await record(first)
  await until(() => delivered.length > 0, 'a batch is in hand')
  await record(second)
  stopping.abort()
  const early = await Promise.race([done.then(() => 'stopped'), sleep(100, 'busy')])
  release()
  await done
  assert.equal(early, 'busy')
  assert.deepEqual(delivered, [first.id])
  assert.equal((await backlog()).pending, 1)
})
