import { setNewest } from '#src/bounded-map'
import { AppError } from '#src/errors'

/** What an access token says; times in seconds since 1970. */
interface AccessTokenClaims {
  /** User id. */
  sub: string
  /** Session id. */
  sid: string
  iat: number
  exp: number
}

/** One signing key: signs, and checks signature, algorithm, `typ`, `iss`, `aud`, `exp` and `nbf`. */
export interface TokenKey {
  kid: string
  sign(claims: { sub: string; sid: string }): string
  /** @throws whatever it likes when the token is not good */
  verify(token: string): unknown
}

/** Makes and checks access tokens. */
export interface AccessTokens {
  issue(claims: { userId: string; sessionId: string }): string
  /** What a good token says; `null` for any other text. */
  verify(token: string): { userId: string; sessionId: string } | null
}

/** How far the clocks of two instances may be apart before one refuses what the other has just issued. */
const CLOCK_TOLERANCE_SECONDS = 5
/** About 10 MB of tokens. */
const MAX_VERIFIED = 20_000
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

/**
 * @param keys the first one signs; all are accepted, each for its own `kid` only
 * @param ttlSeconds how long a token lives; one that claims a longer life is refused
 */
export function createAccessTokens(keys: readonly [TokenKey, ...TokenKey[]], ttlSeconds: number): AccessTokens {
  const byKid = new Map(keys.map((key) => [key.kid, key]))
  // Our own headers are the same few strings for ever: recognising them saves parsing one per request.
  const byHeader = new Map(keys.map((key) => [headerOf(key.sign({ sub: '', sid: '' })), key] as const))

  const keyOf = (token: string): TokenKey | undefined => {
    const header = headerOf(token)
    return byHeader.get(header) ?? byKid.get(kidOf(header))
  }

  // A signature stays good, so it is checked once per token; the times are looked at each time.
  const verified = new Map<string, AccessTokenClaims>()
  const verifyAnew = (token: string): AccessTokenClaims | null => {
    let claims: unknown
    try {
      claims = keyOf(token)?.verify(token)
    } catch {
      return null
    }
    if (!isClaims(claims) || claims.exp - claims.iat > ttlSeconds) return null
    setNewest(verified, token, claims, MAX_VERIFIED)
    return claims
  }

  return {
    issue: ({ userId, sessionId }) => keys[0].sign({ sub: userId, sid: sessionId }),
    verify(token) {
      const claims = verified.get(token) ?? verifyAnew(token)
      if (claims === null) return null
      const now = Date.now() / 1000
      const good = claims.exp > now && claims.iat <= now + CLOCK_TOLERANCE_SECONDS
      return good ? { userId: claims.sub, sessionId: claims.sid } : null
    },
  }
}

/** The one answer to every access token that is not good, for whatever reason. */
export function invalidToken(): AppError {
  return new AppError('InvalidTokenError', 'The access token is invalid or expired')
}

function headerOf(token: string): string {
  return token.slice(0, Math.max(0, token.indexOf('.')))
}

function kidOf(header: string): string {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(header, 'base64url').toString('utf8'))
    const kid = typeof parsed === 'object' && parsed !== null && 'kid' in parsed ? parsed.kid : undefined
    return typeof kid === 'string' ? kid : ''
  } catch {
    return ''
  }
}

function isClaims(value: unknown): value is AccessTokenClaims {
  if (typeof value !== 'object' || value === null) return false
  const { sub, sid, iat, exp } = value as Partial<Record<keyof AccessTokenClaims, unknown>>
  return (
    typeof sub === 'string' &&
    uuid.test(sub) &&
    typeof sid === 'string' &&
    uuid.test(sid) &&
    Number.isInteger(iat) &&
    Number.isInteger(exp)
  )
}
