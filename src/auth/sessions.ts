import { type Principal, parseEmail } from '#src/accounts'
import { auditEvent, type RequestContext } from '#src/audit'
import { type BusinessMetrics, counted, type LoginReason, type RefreshReason } from '#src/business-metrics'
import type { Cursors } from '#src/cursors'
import { AppError, type ErrorName } from '#src/errors'
import { newId } from '#src/ids'
import { type Page, pageOf } from '#src/pages'
import { type AccessTokens, invalidToken } from './access-tokens.ts'
import type { Passwords } from './passwords.ts'
import type { RefreshTokens } from './refresh-tokens.ts'
import type { Session, SessionStore } from './session.ts'

interface Dependencies {
  store: SessionStore
  passwords: Pick<Passwords, 'hash' | 'verify' | 'needsRehash'>
  accessTokens: AccessTokens
  accessTokenTtlSeconds: number
  refreshTokens: RefreshTokens
  cursors: Cursors
  metrics: Pick<BusinessMetrics, 'login' | 'tokenRefresh'>
}

/** What a client holds after a login or a refresh. */
export interface TokenPair {
  accessToken: string
  refreshToken: string
  tokenType: 'Bearer'
  /** Seconds that the access token lives. */
  expiresIn: number
}

interface Login {
  email: string
  password: string
  deviceName?: string
}

const loginReason: Partial<Record<ErrorName, LoginReason>> = {
  InvalidCredentialsError: 'invalid_credentials',
  AccountDisabledError: 'account_disabled',
}
const refreshReason: Partial<Record<ErrorName, RefreshReason>> = {
  InvalidRefreshTokenError: 'invalid',
  RefreshTokenReusedError: 'reused',
}
const reasonFrom =
  <Reason>(reasons: Partial<Record<ErrorName, Reason>>) =>
  (error: unknown): Reason | undefined =>
    error instanceof AppError ? reasons[error.name] : undefined

/** The use cases of signing in, staying signed in and signing out. */
export type Sessions = ReturnType<typeof createSessions>

export function createSessions(deps: Dependencies) {
  const { store, passwords, accessTokens, refreshTokens, cursors, metrics } = deps

  const tokenPair = (userId: string, sessionId: string, generation: number): TokenPair => ({
    accessToken: accessTokens.issue({ userId, sessionId }),
    refreshToken: refreshTokens.issue({ sessionId, generation }),
    tokenType: 'Bearer',
    expiresIn: deps.accessTokenTtlSeconds,
  })

  const login = async (input: Login, context: RequestContext): Promise<TokenPair> => {
    const found = await store.credentials(parseEmail(input.email).emailKey)
    const refuse = async (reason: LoginReason) => {
      await store.record(
        auditEvent({ type: 'login', outcome: 'failure', userId: found?.userId ?? null, details: { reason } }, context),
      )
      return reason === 'account_disabled'
        ? new AppError('AccountDisabledError', 'The account is disabled')
        : new AppError('InvalidCredentialsError', 'The e-mail address or password is wrong')
    }
    const matches = await passwords.verify(found?.passwordHash ?? null, input.password)
    if (found === null || !matches) throw await refuse('invalid_credentials')
    if (found.disabled) throw await refuse('account_disabled')

    const newHash = passwords.needsRehash(found.passwordHash) ? await passwords.hash(input.password) : null
    const { userId } = found
    const sessionId = newId()
    const opened = await store.open(
      { id: sessionId, userId, deviceName: input.deviceName ?? null, ip: context.ip, userAgent: context.userAgent },
      found.passwordHash,
      newHash,
      auditEvent({ type: 'login', outcome: 'success', userId, sessionId }, context),
    )
    if (!opened) throw await refuse('invalid_credentials')
    return tokenPair(userId, sessionId, 0)
  }

  const refresh = async (token: string, context: RequestContext): Promise<TokenPair> => {
    const presented = refreshTokens.read(token)
    if (presented === null) throw invalidRefreshToken()
    const { sessionId, generation } = presented
    const result = await store.rotate(sessionId, generation, (userId) => [
      auditEvent({ type: 'refresh_token_reuse', outcome: 'success', userId, sessionId }, context),
      auditEvent(
        { type: 'session_revoked', outcome: 'success', userId, sessionId, details: { reason: 'refresh_token_reuse' } },
        context,
      ),
    ])
    if (result.kind === 'ended') throw invalidRefreshToken()
    if (result.kind === 'reused') {
      throw new AppError('RefreshTokenReusedError', 'The refresh token was used before; its session is revoked')
    }
    return tokenPair(result.userId, sessionId, result.generation)
  }

  return {
    /** @throws AppError `InvalidCredentialsError`, `AccountDisabledError`, `ServiceUnavailableError` */
    login: (input: Login, context: RequestContext): Promise<TokenPair> =>
      counted(metrics.login, reasonFrom(loginReason), () => login(input, context)),

    /** @throws AppError `InvalidRefreshTokenError`, `RefreshTokenReusedError`, `ServiceUnavailableError` */
    refresh: (token: string, context: RequestContext): Promise<TokenPair> =>
      counted(metrics.tokenRefresh, reasonFrom(refreshReason), () => refresh(token, context)),

    /** The session that a refresh token of ours belongs to, whether it lives or not; `null` for any other text. */
    sessionIdOf: (token: string): string | null => refreshTokens.read(token)?.sessionId ?? null,

    /**
     * Whom a verified access token stands for, read from the store on each call.
     * @throws AppError `InvalidTokenError` when its session has ended or is another user's
     */
    async principal(claims: { userId: string; sessionId: string }): Promise<Principal> {
      const principal = await store.principal(claims.sessionId)
      if (principal === null || principal.user.id !== claims.userId) throw invalidToken()
      return principal
    },

    /** Ends the caller's own session. A session that ended meanwhile is as good. */
    async logout({ user, sessionId }: Principal, context: RequestContext): Promise<void> {
      await store.end(user.id, sessionId, () =>
        auditEvent({ type: 'logout', outcome: 'success', userId: user.id, sessionId }, context),
      )
    },

    /**
     * A page of the caller's sessions, newest first.
     * @param cursor `nextCursor` of the page before
     * @throws AppError `ValidationError` when the cursor is not from this list
     */
    list({ user }: Principal, query: { limit: number; cursor?: string | undefined }): Promise<Page<Session>> {
      return pageOf(cursors, `sessions ${user.id}`, query, (beforeId, limit) => store.list(user.id, beforeId, limit))
    },

    /** @throws AppError `NotFoundError` when the caller has no such session */
    async revoke({ user, sessionId: by }: Principal, sessionId: string, context: RequestContext): Promise<void> {
      const ended = await store.end(user.id, sessionId, (ended) =>
        auditEvent(
          {
            type: 'session_revoked',
            outcome: ended ? 'success' : 'failure',
            userId: user.id,
            sessionId: ended ? sessionId : by,
            details: ended ? { reason: 'revoked_by_user' } : { reason: 'not_found' },
          },
          context,
        ),
      )
      if (!ended) throw new AppError('NotFoundError', 'There is no such session')
    },
  }
}

function invalidRefreshToken(): AppError {
  return new AppError('InvalidRefreshTokenError', 'The refresh token is invalid or expired')
}
