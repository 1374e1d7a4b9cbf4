import assert from 'node:assert/strict'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { readdirSync } from 'node:fs'
import { getPriority } from 'node:os'
import { test } from 'node:test'
import type { Worker } from 'node:worker_threads'
import { login, register, startApp, until } from '#test/app'
import { assertEnvelope } from '#test/envelope'

/** How many threads of this process stand back behind the others. */
function threadsAtNice10(): number {
  return readdirSync('/proc/self/task').filter((thread) => getPriority(Number(thread)) === 10).length
}

test('threads that hash stand back behind the event loop', { skip: process.platform !== 'linux' }, async (t) => {
  const before = threadsAtNice10()
  const { app } = await startApp(t, { PASSWORD_HASH_CONCURRENCY: '1' })
  await register(app)
  assert.equal(threadsAtNice10(), before + 1)
})

test('a thread that ends answers 503 for what it had, and another one takes its place', async (t) => {
  const threads: Worker[] = []
  const onThread = (message: unknown) => threads.push((message as { worker: Worker }).worker)
  subscribe('worker_threads', onThread)
  t.after(() => unsubscribe('worker_threads', onThread))
  const { app } = await startApp(t, {
    ...{ ARGON2_MEMORY_KIB: '65536', ARGON2_TIME_COST: '5', PASSWORD_HASH_CONCURRENCY: '1' },
  })
  const { email } = await register(app)
  const [thread] = threads
  assert.equal(threads.length, 1)

  const interrupted = [login(app, email), login(app, email), login(app, 'nobody@example.com')] as const
  await until(
    async () => !(await app.inject({ url: '/metrics' })).body.includes('password_hash_queue_depth 0'),
    'some wait for a hash',
  )
  await thread?.terminate()
  const [hashed, next, waited] = await Promise.all(interrupted)
  assertEnvelope(hashed, 'ServiceUnavailableError')
  assertEnvelope(next, 'ServiceUnavailableError')
  assertEnvelope(waited, 'InvalidCredentialsError')
  assert.equal((await login(app, email)).statusCode, 200)
  assert.equal(threads.length, 2)
})
