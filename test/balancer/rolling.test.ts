import assert from 'node:assert/strict'
import { suite, type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { newEmail, password, until } from '#test/app'
import { startHaproxy } from '#test/haproxy'
import { createDatabase } from '#test/postgres'
import { freePort } from '#test/processes'
import { startService } from '#test/service'

const RATE = 200
const SECOND = 1000

interface Tokens {
  accessToken: string
  refreshToken: string
}

async function post<Body>(url: string, body: object): Promise<Body> {
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`)
  return (await answer.json()) as Body
}

/** Sends reads, and now and then a write that must not be done twice, at a steady rate whatever the answers do. */
async function startLoad(t: TestContext, url: string) {
  const email = newEmail()
  await post(`${url}/api/v1/auth/register`, { email, password, fullName: 'Ada' })
  let { accessToken, refreshToken } = await post<Tokens>(`${url}/api/v1/auth/login`, { email, password })

  const read = async () => {
    const answer = await fetch(`${url}/api/v1/users/me`, { headers: { authorization: `Bearer ${accessToken}` } })
    if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`)
    await answer.arrayBuffer()
  }
  let refreshing = Promise.resolve()
  const refresh = () => {
    refreshing = refreshing.then(async () => {
      ;({ accessToken, refreshToken } = await post<Tokens>(`${url}/api/v1/auth/refresh`, { refreshToken }))
    })
    return refreshing
  }

  const failures: string[] = []
  const pending = new Set<Promise<void>>()
  const startedAt = performance.now()
  let sent = 0
  const timer = setInterval(() => {
    for (const due = ((performance.now() - startedAt) * RATE) / SECOND; sent < due; sent++) {
      const request = (sent % 20 === 0 ? refresh() : read()).catch((error: Error) => {
        failures.push(`${error.message}: ${error.cause}`)
      })
      pending.add(request)
      void request.finally(() => pending.delete(request))
    }
  }, 5)
  t.after(() => clearInterval(timer))
  return {
    async stop() {
      clearInterval(timer)
      await Promise.all(pending)
      return { sent, failures, perSecond: (sent * SECOND) / (performance.now() - startedAt) }
    },
  }
}

async function restartUnderLoad(t: TestContext, check: '/health/ready' | '/health') {
  const ports = [await freePort(), await freePort()]
  const balancer = await startHaproxy(t, { backends: ports.map((port) => `127.0.0.1:${port}`), check })
  if (balancer === null) return
  const { url: postgresUrl } = await createDatabase(t)
  const start = async (port: number) => {
    const service = await startService(t, {
      PORT: String(port),
      POSTGRES_URL: postgresUrl,
      TRUST_PROXY: '127.0.0.1',
      SHUTDOWN_GRACE_MS: '2000',
    })
    await service.ready()
    return service
  }
  const instances = await Promise.all(ports.map(start))
  const balanced = async () => (await fetch(`${balancer.url}/health/live`)).ok
  await until(balanced, 'the balancer has found an instance')
  await sleep(SECOND)

  const load = await startLoad(t, balancer.url)
  for (const [index, port] of ports.entries()) {
    await sleep(SECOND)
    assert.deepEqual(await instances[index]?.kill('SIGTERM'), { code: 0, signal: null })
    instances.push(await start(port))
    // The balancer sends nothing to it before it has looked twice.
    await sleep(SECOND)
  }
  const { sent, failures, perSecond } = await load.stop()
  assert.deepEqual(failures, [])
  assert.ok(perSecond > RATE * 0.95, `${perSecond} requests per second`)
  for (const [index, { lines }] of instances.entries()) {
    const served = lines.filter(({ path }) => String(path).startsWith('/api/')).length
    assert.ok(served > 10, `instance ${index} served ${served} of ${sent}`)
  }
}

suite('a rolling restart behind a balancer that sends nothing twice', () => {
  for (const check of ['/health/ready', '/health'] as const) {
    test(`fails no request when the balancer asks ${check}`, { timeout: 120_000 }, (t) => restartUnderLoad(t, check))
  }
})
