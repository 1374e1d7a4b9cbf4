import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { FastifyInstance } from 'fastify'
import { startApp } from '#test/app'

async function statusesOf(
  app: FastifyInstance,
  requests: { peer: string; forwardedFor?: string }[],
): Promise<number[]> {
  const statuses: number[] = []
  for (const { peer, forwardedFor } of requests) {
    const headers = forwardedFor === undefined ? {} : { 'x-forwarded-for': forwardedFor }
    statuses.push((await app.inject({ url: '/api/v1/errors', remoteAddress: peer, headers })).statusCode)
  }
  return statuses
}

suite('the address that is counted', () => {
  test('is not what X-Forwarded-For says, unless proxies are configured', async (t) => {
    const { app } = await startApp(t, { RATE_LIMIT_DEFAULT: '3/60' })
    const rotating = Array.from({ length: 5 }, (_, n) => ({ peer: '10.0.0.1', forwardedFor: `203.0.113.${n}` }))
    assert.deepEqual(await statusesOf(app, rotating), [200, 200, 200, 429, 429])
  })

  test('is the one before the proxies that are configured, whatever a client claims', async (t) => {
    const { app } = await startApp(t, { RATE_LIMIT_DEFAULT: '3/60', TRUST_PROXY: '10.0.0.0/8,192.0.2.1' })
    const rotating = Array.from({ length: 5 }, (_, n) => ({
      peer: `10.0.0.${n}`,
      forwardedFor: `203.0.113.${n}, 198.51.100.7, 192.0.2.1`,
    }))
    assert.deepEqual(await statusesOf(app, rotating), [200, 200, 200, 429, 429])
    assert.deepEqual(await statusesOf(app, [{ peer: '10.0.0.1', forwardedFor: '198.51.100.8' }]), [200])
    const withoutProxy = Array.from({ length: 2 }, () => ({ peer: '198.51.100.7', forwardedFor: '198.51.100.9' }))
    assert.deepEqual(await statusesOf(app, withoutProxy), [429, 429], 'who comes without a proxy is who connects')
  })

  test('counts by its network of 64 bits in IPv6, and as what it maps where it is a mapped one', async (t) => {
    const { app } = await startApp(t, { RATE_LIMIT_DEFAULT: '2/60' })
    const addresses = ['2001:db8:1:2::1', '2001:db8:1:2:ffff::9', '2001:DB8:1:2:0:1:0:3', '2001:db8:1:3::1']
    const mapped = ['192.0.2.7', '::ffff:192.0.2.7', '::ffff:192.0.2.7', '::ffff:192.0.2.8']
    for (const peers of [addresses, mapped]) {
      const requests = peers.map((peer) => ({ peer }))
      assert.deepEqual(await statusesOf(app, requests), [200, 200, 429, 200])
    }
  })
})
