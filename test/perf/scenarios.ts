import assert from 'node:assert/strict'
import { type Account, accessToken, password, refreshToken } from './accounts.ts'
import type { ContestantId } from './contestants.ts'
import type { Ground } from './ground.ts'
import type { LoadRequest } from './load.ts'

/** One kind of load on all contestants. */
export interface Scenario {
  title: string
  contestants: readonly ContestantId[]
  /** Whose figure the others are divided by. */
  baseline: ContestantId
  /** Hashing takes all cores; elsewhere the server has one, so that the generator does not get in its way. */
  allCores: boolean
  /** What the service has to reach: so many times the figure of another contestant. */
  goals: Partial<Record<ContestantId, number>>
  /** The requests of one measurement, enough for so many seconds. */
  requests(ground: Ground, seconds: number): LoadRequest[] | Promise<LoadRequest[]>
  /** Checks the answer to the first of them. @param status and body */
  check(ground: Ground, answer: { status: number; body: Record<string, unknown> }): void
}

/** Also the connections of all loads: what one session does stays on one connection. */
export const CONNECTIONS = 64
// More than any contestant does in a second: a refresh token that is sent twice would be a theft.
const REFRESHES_PER_SECOND = 15_000
const MIXED_PER_SECOND = 40_000
const HASHES_PER_SECOND = 2000
const TOKEN_USE_MS = 10 * 60 * 1000

const withPg = ['fastifyPg', 'express', 'gatehouse'] as const

const tokens = new WeakMap<Account, { token: string; madeAt: number }>()

/** The token that a client holds: it uses it for as long as it is good, and gets another in time. */
function heldToken(account: Account): string {
  const held = tokens.get(account)
  if (held !== undefined && Date.now() - held.madeAt < TOKEN_USE_MS) return held.token
  const token = accessToken(account)
  tokens.set(account, { token, madeAt: Date.now() })
  return token
}

const read = (account: Account): LoadRequest => ({
  method: 'GET',
  path: '/api/v1/users/me',
  token: heldToken(account),
})
const login = ({ user }: Account): LoadRequest => ({
  method: 'POST',
  path: '/api/v1/auth/login',
  body: { email: user.email, password },
})
const refresh = (account: Account, generation: number): LoadRequest => ({
  method: 'POST',
  path: '/api/v1/auth/refresh',
  body: { refreshToken: refreshToken(account, generation) },
})

/** Endless: each item of a list in turn, and how often the list was gone through before. */
function* rounds<T>(items: readonly T[]): Generator<[item: T, round: number], never> {
  for (let round = 0; ; round++) for (const item of items) yield [item, round]
}

async function forgetRefreshes({ pool, accounts }: Ground): Promise<Account[]> {
  await pool.query('update sessions set generation = 0 where generation > 0')
  return accounts.slice(0, accounts.length - (accounts.length % CONNECTIONS))
}

function checkTokens({ status, body }: { status: number; body: Record<string, unknown> }): void {
  assert.equal(status, 200)
  assert.deepEqual(Object.keys(body), ['accessToken', 'refreshToken', 'tokenType', 'expiresIn'])
  assert.match(String(body.accessToken), /^[\w-]+\.[\w-]+\.[\w-]+$/)
  assert.match(String(body.refreshToken), /^[\w-]{70}$/)
  assert.deepEqual([body.tokenType, body.expiresIn], ['Bearer', 900])
}

export const scenarios = {
  live: {
    title: 'GET /health/live',
    contestants: ['http', 'fastify', 'asTheyCome', 'express', 'gatehouse'],
    baseline: 'fastify',
    allCores: false,
    goals: { fastify: 0.5, asTheyCome: 3 },
    requests: () => [{ method: 'GET', path: '/health/live' }],
    check: (_ground, answer) => assert.deepEqual(answer, { status: 200, body: { status: 'alive' } }),
  },

  me: {
    title: 'GET /api/v1/users/me, 10,000 users',
    contestants: ['asTheyCome', ...withPg],
    baseline: 'fastifyPg',
    allCores: false,
    goals: { fastifyPg: 1.25, express: 2.5 },
    requests: ({ accounts }) => accounts.map(read),
    check: ({ accounts }, answer) => assert.deepEqual(answer, { status: 200, body: accounts[0]?.user }),
  },

  refresh: {
    title: 'POST /api/v1/auth/refresh',
    contestants: withPg,
    baseline: 'fastifyPg',
    allCores: false,
    goals: {},
    async requests(ground, seconds) {
      return rounds(await forgetRefreshes(ground))
        .take(seconds * REFRESHES_PER_SECOND)
        .map(([account, generation]) => refresh(account, generation))
        .toArray()
    },
    check: (_ground, answer) => checkTokens(answer),
  },

  login: {
    title: 'POST /api/v1/auth/login',
    contestants: ['loop', ...withPg],
    baseline: 'loop',
    allCores: true,
    goals: { loop: 0.9, express: 2 },
    requests: ({ accounts }) => accounts.map(login),
    check: (_ground, answer) => checkTokens(answer),
  },

  register: {
    title: 'POST /api/v1/auth/register',
    contestants: ['loop', ...withPg],
    baseline: 'loop',
    allCores: true,
    goals: {},
    async requests({ pool }, seconds) {
      await pool.query(`delete from users where email_key like 'new-%'`)
      return Array.from({ length: seconds * HASHES_PER_SECOND }, (_, n) => ({
        method: 'POST' as const,
        path: '/api/v1/auth/register',
        body: { email: `new-${n}@example.com`, password, fullName: 'Ada Lovelace' },
      }))
    },
    check(_ground, { status, body }) {
      assert.equal(status, 201)
      assert.deepEqual(Object.keys(body), ['id', 'email', 'fullName', 'role', 'createdAt', 'updatedAt'])
      assert.deepEqual([body.email, body.fullName], ['new-0@example.com', 'Ada Lovelace'])
    },
  },

  mixed: {
    title: '90 % reads, 9 % refreshes, 1 % logins',
    contestants: withPg,
    baseline: 'fastifyPg',
    allCores: true,
    goals: {},
    async requests(ground, seconds) {
      const refreshes = rounds(await forgetRefreshes(ground))
      const readers = rounds(ground.accounts.map(read))
      const logins = rounds(ground.accounts.map(login))
      return Array.from({ length: seconds * MIXED_PER_SECOND }, (_, n) => {
        if (n % 100 === 99) return logins.next().value[0]
        // Every eleventh of the other 99.
        return (n % 100) % 11 === 10 ? refresh(...refreshes.next().value) : readers.next().value[0]
      })
    },
    check: ({ accounts }, answer) => assert.deepEqual(answer, { status: 200, body: accounts[0]?.user }),
  },
} satisfies Record<string, Scenario>
