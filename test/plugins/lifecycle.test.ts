import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { buildHttpApp } from '#test/http-app'
import { openRaw } from '#test/raw-http'

const get = (path: string) => `GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`

async function start(t: Parameters<typeof buildHttpApp>[0]) {
  const { app, listen } = await buildHttpApp(t)
  app.get('/ok', async () => ({ ok: true }))
  app.route({
    method: ['GET', 'POST'],
    url: '/slow',
    async handler() {
      await sleep(300)
      return { ok: true }
    },
  })
  return { app, port: await listen() }
}

/** Closes the app and says how long that took, in ms. */
async function timedClose(app: { close(): Promise<unknown> }): Promise<number> {
  const startedAt = performance.now()
  await app.close()
  return performance.now() - startedAt
}

test('while draining, requests are served and told to come back on another connection', async (t) => {
  const { app, port } = await start(t)
  assert.equal(app.lifecycle.draining, false)
  assert.notEqual((await app.inject('/ok')).headers.connection, 'close')
  app.lifecycle.drain()
  assert.equal(app.lifecycle.draining, true)
  const connection = await openRaw(port)
  connection.socket.write(get('/ok'))
  assert.match(await connection.ended(), /200 OK[\s\S]*connection: close/i)
})

test('a request in flight at the stop is answered, and its kept-alive connection ends with it', async (t) => {
  const { app, port } = await start(t)
  const connection = await openRaw(port)
  connection.socket.write(get('/slow'))
  await sleep(50)
  assert.ok((await timedClose(app)) < 700)
  assert.match(await connection.ended(), /200 OK[\s\S]*connection: close[\s\S]*{"ok":true}/i)
})

test('a request behind one in flight is served by a closing server', async (t) => {
  const { app, port } = await start(t)
  const connection = await openRaw(port)
  connection.socket.write(get('/slow'))
  await sleep(50)
  const closed = app.close()
  await sleep(50)
  connection.socket.write(get('/ok'))
  await closed
  const text = await connection.ended()
  assert.ok(!text.includes(' 503 '), text)
})

test('idle and silent connections do not hold up the stop', async (t) => {
  const { app, port } = await start(t)
  const idle = await openRaw(port)
  idle.socket.write(get('/ok'))
  const silent = await openRaw(port)
  const halfway = await openRaw(port)
  halfway.socket.write(`${get('/ok')}GET /ok HTTP/1.1\r\nho`)
  const slow = await openRaw(port)
  slow.socket.write(
    get('/slow')
      .replace('GET', 'POST')
      .replace('\r\n\r\n', '\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n'),
  )
  await sleep(100)
  assert.ok((await timedClose(app)) < 1500)
  await Promise.all([idle.ended(), silent.ended(), halfway.ended(), slow.ended()])
})
