export { type AccessTokens, createAccessTokens, invalidToken, type TokenKey } from './access-tokens.ts'
export { deriveKeys } from './keys.ts'
export {
  type Argon2Cost,
  createPasswords,
  hashQueueFull,
  hashThreadLost,
  type Passwords,
} from './passwords.ts'
export { createRefreshTokens } from './refresh-tokens.ts'
export type { NewSession, Session, SessionLifetime, SessionStore } from './session.ts'
export { createSessions, type Sessions, type TokenPair } from './sessions.ts'
