import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { FastifyInstance } from 'fastify'
import { password, register, signIn, startApp, until } from '#test/app'
import { assertEnvelope } from '#test/envelope'

const probes = ['/health', '/health/live', '/health/ready', '/metrics']

async function rejections(app: FastifyInstance, reason: string): Promise<number> {
  const { body } = await app.inject({ url: '/metrics' })
  return Number(new RegExp(`^overload_rejections_total\\{reason="${reason}"\\} (\\d+)$`, 'm').exec(body)?.[1])
}

const isShed = async (app: FastifyInstance) => (await app.inject({ url: '/api/v1/errors' })).statusCode === 503

/** Keeps the event loop busy for one turn. */
async function block(turnMs: number): Promise<void> {
  const turnEnds = performance.now() + turnMs
  while (performance.now() < turnEnds);
  await new Promise(setImmediate)
}

/** Keeps the event loop busy, in turns of some length, for as long as `until` says no. */
async function keepBusy(turnMs: number, until: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 10_000
  while (!(await until())) {
    assert.ok(performance.now() < deadline, 'nothing was refused')
    await block(turnMs)
  }
}

suite('under pressure', () => {
  test('requests are refused with the envelope, and counted; probes are answered', async (t) => {
    // One percent of the heap is in use at any time.
    const { app, lines } = await startApp(t, { OVERLOAD_HEAP_PERCENT: '1' })
    await until(() => isShed(app), 'the first sample is taken')
    const before = await rejections(app, 'heap')
    for (const url of ['/api/v1/errors', '/api/v1/users/me', '/nowhere']) {
      const answer = await app.inject({ url, headers: { origin: 'http://localhost:5173' } })
      assertEnvelope(answer, 'ServiceUnavailableError', url)
      assert.equal(answer.headers['retry-after'], '2')
      assert.equal(answer.headers['access-control-allow-origin'], 'http://localhost:5173')
      assert.equal(answer.headers['ratelimit-policy'], undefined, 'what is not served is not charged')
    }
    const page = await app.inject({ url: '/docs' })
    assert.equal(page.json().name, 'ServiceUnavailableError')
    assert.equal(await rejections(app, 'heap'), before + 4)
    for (const url of probes) assert.equal((await app.inject({ url })).statusCode, 200, url)
    assert.equal((await app.inject({ url: '/health/live', method: 'HEAD' })).statusCode, 200)
    assert.deepEqual(
      lines.filter(({ level, msg }) => Number(level) > 30 && msg !== 'Outgoing response'),
      [],
      'a refusal is no line of its own',
    )
  })

  test('of a blocked event loop the service recovers by itself', async (t) => {
    const { app } = await startApp(t, { OVERLOAD_EVENT_LOOP_DELAY_MS: '100' })
    await keepBusy(350, () => isShed(app))
    assert.ok((await rejections(app, 'event_loop_delay')) > 0)
    await until(async () => !(await isShed(app)), 'the loop runs freely again')
  })

  test('of what the start did to the event loop nobody is refused', async (t) => {
    const { app } = await startApp(t, { OVERLOAD_EVENT_LOOP_DELAY_MS: '100' })
    await app.listen({ host: '127.0.0.1', port: 0 })
    // Samples are taken every 500 ms: the second one has seen nothing but this.
    for (const turnMs of [520, 520]) {
      await block(turnMs)
      assert.equal(await isShed(app), false)
    }
    await keepBusy(350, () => isShed(app))
  })

  test('a busy event loop is no reason to refuse anything, unless it is configured', async (t) => {
    const { app } = await startApp(t)
    const { app: strict } = await startApp(t, { OVERLOAD_EVENT_LOOP_PERCENT: '50' })
    await keepBusy(1, () => isShed(strict))
    assert.equal(await isShed(app), false)
    assert.ok((await rejections(strict, 'event_loop_utilization')) > 0)
  })
})

suite('the queue of password hashes', () => {
  test('answers 503 when it is full, and everything else goes on quickly', async (t) => {
    const { app } = await startApp(t, {
      ARGON2_MEMORY_KIB: '19456',
      ARGON2_TIME_COST: '2',
      PASSWORD_HASH_CONCURRENCY: '1',
      PASSWORD_HASH_QUEUE: '10',
    })
    const { email } = await register(app)
    const { as } = await signIn(app, email)
    const startedAt = performance.now()
    const logins = Array.from({ length: 40 }, () =>
      app
        .inject({ method: 'POST', url: '/api/v1/auth/login', payload: { email, password } })
        .then((answer) => ({ answer, ms: performance.now() - startedAt })),
    )
    const full = logins.map(async (login) => (await login).answer.statusCode === 503 || new Promise(() => {}))
    const atTheDoor = Promise.race(full).then(() => app.inject({ method: 'POST', url: '/api/v1/auth/register' }))
    const reads: number[] = []
    let busy = true
    const done = Promise.all(logins).finally(() => {
      busy = false
    })
    while (busy) {
      const readAt = performance.now()
      assert.equal((await as('GET', '/api/v1/users/me')).statusCode, 200)
      reads.push(performance.now() - readAt)
    }
    const answers = await done
    const served = answers.filter(({ answer }) => answer.statusCode === 200)
    const refused = answers.filter(({ answer }) => answer.statusCode !== 200)
    // One runs, ten wait, and some more find a place that has become free meanwhile.
    assert.ok(served.length >= 11 && served.length < 25, `${served.length} were served`)
    for (const { answer } of refused) {
      assertEnvelope(answer, 'ServiceUnavailableError')
      assert.equal(answer.headers['retry-after'], '2')
    }
    const unread = await atTheDoor
    assertEnvelope(unread, 'ServiceUnavailableError')
    assert.equal(unread.headers['ratelimit-policy'], undefined, 'what is refused at the door is not charged')
    assert.equal(await rejections(app, 'password_hash_queue'), refused.length + 1)
    const lastServed = Math.max(...served.map(({ ms }) => ms))
    const lastRefused = Math.max(...refused.map(({ ms }) => ms))
    assert.ok(lastRefused < lastServed, `refused after ${lastRefused} ms, served after ${lastServed} ms`)
    const median = reads.sort((a, b) => a - b)[reads.length >> 1] ?? 0
    assert.ok(median < 20, `a read took ${median} ms`)
    assert.equal((await signIn(app, email)).refreshToken.length > 0, true, 'the queue is free again')
  })
})
