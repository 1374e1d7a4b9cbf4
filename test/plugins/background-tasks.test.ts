import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createBackgroundTasks } from '#src/background-tasks'
import { buildHttpApp } from '#test/http-app'

test('a failure is logged once with the name of the task and the id of its cause', async (t) => {
  const { app, lines } = await buildHttpApp(t)
  app.backgroundTasks.run('mail', 'mine', async () => {
    throw new Error('no route')
  })
  app.backgroundTasks.run('mail', 'mine', () => {
    throw new Error('no route')
  })
  await sleep(10)
  const failures = lines.filter((line) => line.level >= 50)
  assert.deepEqual(
    failures.map(({ msg, task, correlationId, err }) => [msg, task, correlationId, (err as Error).message]),
    Array(2).fill(['Background task failed', 'mail', 'mine', 'no route']),
  )
})

test('the stop waits for tasks, also those that the last requests start, and tells them through the signal', async (t) => {
  const { app, lines } = await buildHttpApp(t)
  const done: string[] = []
  app.backgroundTasks.run('loop', 'mine', async (signal) => {
    await once(signal, 'abort')
    done.push('loop')
    app.backgroundTasks.run('late', 'mine', async () => {
      await sleep(50)
      done.push('late')
    })
  })
  app.backgroundTasks.run('sleeper', 'mine', async (signal) => {
    await sleep(10_000, undefined, { signal })
  })
  await app.close()
  assert.deepEqual(done, ['loop', 'late'])
  assert.deepEqual(
    lines.filter((line) => line.level >= 40),
    [],
  )
})

test('a task that does not end is given up in time, and named', async () => {
  const warnings: unknown[] = []
  const tasks = createBackgroundTasks({ error: () => assert.fail(), warn: (fields) => warnings.push(fields) })
  tasks.run('stuck', 'mine', () => new Promise(() => {}))
  await tasks.settled(30)
  assert.deepEqual(warnings, [{ tasks: ['stuck'] }])
})
