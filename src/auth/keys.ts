import { createHash, hkdfSync } from 'node:crypto'

/** The keys that one configured secret gives, each good for one purpose only. */
interface AuthKeys {
  /** Names the key in the header of an access token. */
  kid: string
  /** The HS256 key of access tokens: the UTF-8 bytes of the secret. */
  accessToken: Buffer
  refreshToken: Buffer
  cursor: Buffer
  idempotency: Buffer
  /** Hides e-mail addresses in the keys of rate limits. */
  rateLimit: Buffer
}

/**
 * Derives the keys of one secret with HKDF (RFC 5869), so that a value made for one purpose is worth nothing for another.
 * @param secret at least 32 bytes of UTF-8
 */
export function deriveKeys(secret: string): AuthKeys {
  const derive = (purpose: string) => Buffer.from(hkdfSync('sha256', secret, '', `gatehouse ${purpose}`, 32))
  return {
    kid: createHash('sha256').update(derive('key id')).digest('base64url').slice(0, 11),
    accessToken: Buffer.from(secret, 'utf8'),
    refreshToken: derive('refresh token'),
    cursor: derive('cursor'),
    idempotency: derive('idempotency'),
    rateLimit: derive('rate limit'),
  }
}
