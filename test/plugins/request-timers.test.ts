import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FastifyRequest } from 'fastify'
import { startApp } from '#test/app'

test('the timer of a request is there while it is worked on, and not after that', async (t) => {
  const { app } = await startApp(t)
  const { metricStorage: timers } = app.metrics as unknown as { metricStorage: WeakMap<FastifyRequest, object> }
  const seen: [request: FastifyRequest, timed: boolean][] = []
  app.addHook('preHandler', async (request) => {
    seen.push([request, timers.has(request)])
  })
  await app.inject('/health/live')
  const [[request, timed] = []] = seen
  assert.ok(request && timed)
  assert.equal(timers.has(request), false)
})
