import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { assertEnvelope } from '#test/envelope'
import { startHaproxy } from '#test/haproxy'

/** What stands in for an instance: it counts, and does as it is told. */
async function startInstance(t: TestContext) {
  const instance = { address: '', ready: true, breaksOff: false, requests: [] as IncomingMessage[] }
  const server = createServer((request, response) => {
    if (request.url === '/health/ready') return response.writeHead(instance.ready ? 200 : 503).end()
    instance.requests.push(request)
    if (instance.breaksOff) return request.socket.destroy()
    return response.setHeader('x-correlation-id', 'from-the-instance').end(instance.address)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close().closeAllConnections())
  const { port } = server.address() as { port: number }
  instance.address = `127.0.0.1:${port}`
  return instance
}

async function start(t: TestContext) {
  const first = await startInstance(t)
  const second = await startInstance(t)
  const balancer = await startHaproxy(t, { backends: [first.address, second.address] })
  return balancer && { first, second, url: balancer.url }
}

async function eventually(what: string, condition: () => Promise<boolean>): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt++) {
    if (await condition()) return
    await sleep(20)
  }
  assert.fail(`it never came to be that ${what}`)
}

test('an instance that is not ready gets no more requests within a second, and those meanwhile succeed', async (t) => {
  const setup = await start(t)
  if (!setup) return
  const { first, second, url } = setup
  await Promise.all(Array.from({ length: 20 }, () => fetch(url)))
  assert.ok(first.requests.length > 0 && second.requests.length > 0, 'both serve')

  first.ready = false
  const deadline = performance.now() + 1000
  while (performance.now() < deadline) assert.equal((await fetch(url)).status, 200)

  const before = first.requests.length
  for (let i = 0; i < 20; i++) assert.equal(await (await fetch(url)).text(), second.address)
  assert.equal(first.requests.length, before)

  first.ready = true
  await eventually('the instance serves again', async () => (await (await fetch(url)).text()) === first.address)
})

test('a request that broke off is not sent again', async (t) => {
  const setup = await start(t)
  if (!setup) return
  const { first, second, url } = setup
  first.breaksOff = true
  second.breaksOff = true
  for (const method of ['GET', 'POST']) assert.equal((await fetch(url, { method })).status, 502)
  assert.equal(first.requests.length + second.requests.length, 2)
})

test('an instance learns the address of the client, not what the client claims', async (t) => {
  const setup = await start(t)
  if (!setup) return
  await fetch(setup.url, { headers: { 'x-forwarded-for': '203.0.113.7' } })
  const [request] = [...setup.first.requests, ...setup.second.requests]
  assert.equal(request?.headers['x-forwarded-for'], '127.0.0.1')
})

test('connections to the instances are kept for further requests', async (t) => {
  const setup = await start(t)
  if (!setup) return
  const { first, second, url } = setup
  const used = () => new Set([...first.requests, ...second.requests].map(({ socket }) => socket.remotePort)).size
  for (let i = 0; i < 50; i++) await (await fetch(url)).text()
  assert.ok(used() <= 4, `${used()} connections for 50 requests`)
})

test('without an instance that is ready, the answer is the error envelope', async (t) => {
  const setup = await start(t)
  if (!setup) return
  setup.first.ready = false
  setup.second.ready = false
  const path = '/api/v1/users/me'
  await eventually('no instance is used', async () => (await fetch(`${setup.url}${path}`)).status === 503)

  const answer = await fetch(`${setup.url}${path}?token=secret`)
  const headers = Object.fromEntries(answer.headers)
  assertEnvelope({ statusCode: answer.status, headers, body: await answer.text() }, 'ServiceUnavailableError', path)
})
