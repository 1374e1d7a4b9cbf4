import { createHmac } from 'node:crypto'
import rateLimit, { type CreateRateLimitOptions, normalizeIP } from '@fastify/rate-limit'
import type { FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { createRedisCounters } from '#db/redis'
import { parseEmail } from '#src/accounts'
import { deriveKeys } from '#src/auth'
import { AppError } from '#src/errors'
import {
  type Count,
  type Counters,
  createLocalCounters,
  createSettledCounters,
  createSharedCounters,
  type PolicyName,
} from '#src/rate-limits'

declare module 'fastify' {
  interface FastifyContextConfig {
    /**
     * The policies that a route is under, in the order they are charged; `default` if left out. `[]` for none: a probe,
     * which is also answered under overload.
     */
    limits?: readonly PolicyName[]
  }
  interface FastifyRequest {
    /** What the policies that were charged have left. */
    limits: LimitState[] | null
  }
}

interface LimitState {
  policy: PolicyName
  max: number
  remaining: number
  windowSeconds: number
  resetSeconds: number
}

/** About 20 MB at most. */
const MAX_LOCAL_KEYS = 100_000
/** Keys of the one policy that need not wait for Redis: it shares out capacity, the others keep guessers away. */
const SETTLED = 'default:'
const SETTLE_MS = 15_000
/** How long Redis is left alone after a failure. */
const REDIS_PAUSE_MS = 1000

// What a body has to be read for is charged when it has been; everything else before a byte of it is.
const isEarly = (policy: PolicyName) => policy !== 'login' && policy !== 'refresh'
const byDefault: readonly PolicyName[] = ['default']

/** The rate limits: `@fastify/rate-limit` on counters that the instances share through Redis while it is there. */
export default fp(
  async (app) => {
    const { config } = app
    const emailKey = deriveKeys(config.JWT_SECRET_KEY).rateLimit
    const { exact, settled } = createCounters()

    await app.register(rateLimit, {
      global: false,
      store: class {
        incr(
          key: string,
          callback: (error: Error | null, result?: { current: number; ttl: number }) => void,
          windowMs: number,
        ) {
          const answer = ({ current, ttlMs }: Count) => callback(null, { current, ttl: ttlMs })
          const count = (key.startsWith(SETTLED) ? settled : exact).increment(key, windowMs)
          if (count instanceof Promise) count.then(answer, callback)
          else answer(count)
        }
        child() {
          return this
        }
      },
    })

    const address = (request: FastifyRequest) => normalizeIP(request.ip)
    const limiters = {
      default: limiter('default', config.RATE_LIMIT_DEFAULT, (request) => {
        const claims = request.is404 ? null : app.readToken(request)
        return claims ? `user:${claims.userId}` : `address:${address(request)}`
      }),
      login: limiter('login', config.RATE_LIMIT_LOGIN, (request) => {
        const { email } = request.body as { email: string }
        const hashed = createHmac('sha256', emailKey).update(parseEmail(email).emailKey).digest('base64url')
        return `${hashed}:${address(request)}`
      }),
      'login-address': limiter('login-address', config.RATE_LIMIT_LOGIN_ADDRESS, address),
      register: limiter('register', config.RATE_LIMIT_REGISTER, address),
      refresh: limiter('refresh', config.RATE_LIMIT_REFRESH, (request) => {
        const { refreshToken } = request.body as { refreshToken: string }
        return app.sessions.sessionIdOf(refreshToken) ?? `address:${address(request)}`
      }),
    }

    app.decorateRequest('limits', null)
    // Where the token is looked at, but no session: guessing costs no query once the budget is gone.
    app.addHook('onRequest', (request, reply, done) => {
      const policies = request.routeOptions.config.limits ?? byDefault
      if (policies.length === 0) done()
      else charge(policies.filter(isEarly), request, reply).then(() => done(), done)
    })
    app.addHook('onRoute', (route) => {
      const late = route.config?.limits?.filter((policy) => !isEarly(policy)) ?? []
      if (late.length === 0) return
      const hook = (request: FastifyRequest, reply: FastifyReply) => charge(late, request, reply)
      route.preHandler = [...[route.preHandler ?? []].flat(), hook]
    })

    async function charge(policies: readonly PolicyName[], request: FastifyRequest, reply: FastifyReply) {
      for (const policy of policies) {
        const { max, windowSeconds, run } = limiters[policy]
        const result = await run(request)
        if (result.isAllowed) throw new TypeError('there is no list of callers without limits')
        const resetSeconds = Math.max(1, result.ttlInSeconds)
        const state: LimitState = { policy, max, remaining: result.remaining, windowSeconds, resetSeconds }
        request.limits = [...(request.limits ?? []), state]
        setHeaders(reply, request.limits)
        if (!result.isExceeded) continue
        app.instruments.rateLimitRejection(policy)
        throw new AppError('RateLimitExceededError', 'Too many requests', { retryAfterSeconds: resetSeconds })
      }
    }

    function limiter(policy: PolicyName, { max, windowSeconds }: { max: number; windowSeconds: number }, keyOf: KeyOf) {
      const run = app.createRateLimit({
        max,
        timeWindow: windowSeconds * 1000,
        // All limiters count in one store: the policy keeps their keys apart.
        keyGenerator: (request) => `${policy}:${keyOf(request)}`,
      } satisfies CreateRateLimitOptions)
      return { max, windowSeconds, run }
    }

    function createCounters(): { exact: Counters; settled: Counters } {
      const local = createLocalCounters(MAX_LOCAL_KEYS)
      if (!app.hasDecorator('redis')) {
        return { exact: local, settled: local }
      }
      const exact = createSharedCounters(createRedisCounters(app.redis), local, REDIS_PAUSE_MS)
      return { exact, settled: createSettledCounters(exact, config.RATE_LIMIT_DEFAULT.max, MAX_LOCAL_KEYS, SETTLE_MS) }
    }
  },
  {
    name: 'rate-limits',
    dependencies: ['accounts', 'auth', 'cors', 'logging', 'metrics', 'overload', 'redis', 'security-headers'],
  },
)

type KeyOf = (request: FastifyRequest) => string

// draft-ietf-httpapi-ratelimit-headers-10 (structured fields), and the older fields that many clients read.
function setHeaders(reply: FastifyReply, limits: readonly LimitState[]): void {
  const nearest = limits.reduce((a, b) => (b.remaining < a.remaining ? b : a))
  reply.headers({
    'ratelimit-policy': limits
      .map(({ policy, max, windowSeconds }) => `"${policy}";q=${max};w=${windowSeconds}`)
      .join(', '),
    ratelimit: limits
      .map(({ policy, remaining, resetSeconds }) => `"${policy}";r=${remaining};t=${resetSeconds}`)
      .join(', '),
    'x-ratelimit-limit': nearest.max,
    'x-ratelimit-remaining': nearest.remaining,
    'x-ratelimit-reset': nearest.resetSeconds,
  })
}
