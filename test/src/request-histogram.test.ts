import assert from 'node:assert/strict'
import { test } from 'node:test'
import client from '@prometheus-io/client'
import { RequestHistogram } from '#src/request-histogram'

const buckets = [0.001, 0.5, 1, 10]
const labels = (route: string, method: string, status_code: number) => ({ method, route, status_code })

function setUp() {
  const ours = new client.Registry()
  const theirs = new client.Registry()
  const options = { name: 'seconds', help: 'Durations', buckets }
  const histogram = new RequestHistogram({ ...options, registers: [ours] })
  const reference = new client.Histogram({
    ...options,
    labelNames: ['method', 'route', 'status_code'],
    registers: [theirs],
  })
  return { ours, theirs, histogram, reference }
}

test('the histogram of requests is written out as that of the client', async () => {
  const { ours, theirs, histogram, reference } = setUp()
  assert.equal(await ours.metrics(), await theirs.metrics())
  const kinds = [
    labels('/a', 'GET', 200),
    labels('/a', 'GET', 404),
    labels('/a', 'HEAD', 200),
    labels('/b/:id', 'GET', 200),
    labels('/quo"te\\', 'GET', 499),
  ]
  // On a bound, beside it, above the last one.
  for (const seconds of [0, 0.001, 0.0011, 0.5, 0.75, 1, 9.5, 10, 10.5, 3600]) {
    for (const kind of kinds) {
      histogram.observe(kind, seconds)
      reference.observe({ ...kind }, seconds)
    }
  }
  assert.equal(await ours.metrics(), await theirs.metrics())
})

test('a registry that is reset forgets all requests', async () => {
  const { ours, histogram } = setUp()
  const before = await ours.metrics()
  histogram.observe(labels('/a', 'GET', 200), 0.2)
  assert.notEqual(await ours.metrics(), before)
  ours.resetMetrics()
  assert.equal(await ours.metrics(), before)
})

test('a timer measures until it is called', async (t) => {
  let now = 0
  t.mock.method(performance, 'now', () => now)
  const { ours, histogram } = setUp()
  const first = histogram.startTimer()
  now = 400
  const second = histogram.startTimer()
  now = 600
  second(labels('/a', 'GET', 200))
  first(labels('/b', 'GET', 200))
  const exposition = await ours.metrics()
  assert.match(exposition, /^seconds_sum\{method="GET",route="\/a",status_code="200"\} 0\.2$/m)
  assert.match(exposition, /^seconds_sum\{method="GET",route="\/b",status_code="200"\} 0\.6$/m)
})
