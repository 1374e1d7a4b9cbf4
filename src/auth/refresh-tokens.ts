import { createHmac, timingSafeEqual } from 'node:crypto'
import { uuidOf } from '#src/ids'

const SESSION_ID_BYTES = 16
const GENERATION_BYTES = 4
const HEAD_BYTES = SESSION_ID_BYTES + GENERATION_BYTES
const MAC_BYTES = 32
const TOKEN_LENGTH = Math.ceil(((HEAD_BYTES + MAC_BYTES) * 4) / 3)

/** Which session a refresh token belongs to, and which of its successive tokens it is. */
interface RefreshTokenClaims {
  sessionId: string
  /** 0 for the first token of a session, raised by one at each refresh. */
  generation: number
}

/** Makes and recognises refresh tokens. */
export interface RefreshTokens {
  /** The token of a generation; always the same one for the same session, generation and key. */
  issue(claims: RefreshTokenClaims): string
  /** What a token says, or `null` where none of our keys made it. */
  read(token: string): RefreshTokenClaims | null
}

/**
 * A refresh token is its session's id and generation with an HMAC-SHA-256 over both: nothing about it has to be stored,
 * so a leak of the database gives nobody a token, and a repeated refresh can be answered with the very same successor.
 * @param keys the first one signs; all are accepted
 */
export function createRefreshTokens(keys: readonly [Buffer, ...Buffer[]]): RefreshTokens {
  const mac = (key: Buffer, head: Buffer) => createHmac('sha256', key).update(head).digest()
  return {
    issue({ sessionId, generation }) {
      const head = Buffer.alloc(HEAD_BYTES)
      head.write(sessionId.replaceAll('-', ''), 'hex')
      head.writeUInt32BE(generation, SESSION_ID_BYTES)
      return Buffer.concat([head, mac(keys[0], head)]).toString('base64url')
    },
    read(token) {
      if (token.length !== TOKEN_LENGTH) return null
      const bytes = Buffer.from(token, 'base64url')
      // The last character has spare bits: only the canonical spelling is the token that was issued.
      if (bytes.length !== HEAD_BYTES + MAC_BYTES || bytes.toString('base64url') !== token) return null
      const head = bytes.subarray(0, HEAD_BYTES)
      const given = bytes.subarray(HEAD_BYTES)
      let valid = false
      for (const key of keys) valid = timingSafeEqual(mac(key, head), given) || valid
      if (!valid) return null
      const sessionId = uuidOf(head.subarray(0, SESSION_ID_BYTES))
      return { sessionId, generation: head.readUInt32BE(SESSION_ID_BYTES) }
    },
  }
}
