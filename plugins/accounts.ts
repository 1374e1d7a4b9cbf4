import type { FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { createAccountStore, createSessionStore } from '#db/postgres'
import { type Accounts, createAccounts, type Principal } from '#src/accounts'
import type { RequestContext } from '#src/audit'
import { createRefreshTokens, createSessions, deriveKeys, type Sessions } from '#src/auth'
import { type Cursors, createCursors } from '#src/cursors'
import { AppError } from '#src/errors'

declare module 'fastify' {
  interface FastifyInstance {
    accounts: Accounts
    sessions: Sessions
    cursors: Cursors
  }
  interface FastifyRequest {
    /** Where the request comes from, as the audit trail remembers it. */
    auditContext(): RequestContext
    /** Who makes the request. @throws AppError `AuthenticationRequiredError` on a route without the guard */
    authenticated(): Principal
  }
}

// A header may be far longer than what helps to recognise a device.
const USER_AGENT_LENGTH = 512

/** The use cases on their stores. */
export default fp(
  async (app) => {
    const { config, passwords, instruments } = app
    const [current, ...previous] = [config.JWT_SECRET_KEY, ...config.JWT_PREVIOUS_SECRET_KEYS].map(deriveKeys)
    if (!current) throw new TypeError('there is no key')

    app.decorate('cursors', createCursors([current.cursor, ...previous.map((keys) => keys.cursor)]))
    app.decorate(
      'accounts',
      createAccounts({ store: createAccountStore(app.db), passwords, metrics: instruments.business }),
    )
    app.decorate(
      'sessions',
      createSessions({
        store: createSessionStore(app.db, {
          slidingSeconds: config.REFRESH_TOKEN_TTL_SECONDS,
          absoluteSeconds: config.SESSION_MAX_AGE_SECONDS,
          graceSeconds: config.REFRESH_TOKEN_GRACE_SECONDS,
        }),
        passwords,
        accessTokens: app.accessTokens,
        accessTokenTtlSeconds: config.ACCESS_TOKEN_TTL_SECONDS,
        refreshTokens: createRefreshTokens([current.refreshToken, ...previous.map((keys) => keys.refreshToken)]),
        cursors: app.cursors,
        metrics: instruments.business,
      }),
    )

    app.decorateRequest('auditContext', function (this: FastifyRequest): RequestContext {
      const userAgent = this.headers['user-agent']
      return { correlationId: this.id, ip: this.ip, userAgent: userAgent?.slice(0, USER_AGENT_LENGTH) ?? null }
    })
    app.decorateRequest('authenticated', function (this: FastifyRequest): Principal {
      if (this.principal === null) throw new AppError('AuthenticationRequiredError', 'An access token is required')
      return this.principal
    })
  },
  { name: 'accounts', dependencies: ['auth', 'metrics', 'passwords', 'postgres'] },
)
