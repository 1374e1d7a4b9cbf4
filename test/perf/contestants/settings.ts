import { createRefreshTokens, deriveKeys } from '#src/auth'

const { PORT, POSTGRES_URL = '', REDIS_URL, JWT_SECRET_KEY = '' } = process.env

/** What the harness tells every contestant. */
export const settings = { port: Number(PORT), host: '127.0.0.1', postgresUrl: POSTGRES_URL, redisUrl: REDIS_URL }

/** Connections to PostgreSQL: as many as the service has by default. */
export const POOL_MAX = 10

/** The key of access tokens. */
export const tokenKey = JWT_SECRET_KEY

/** What tokens say besides their owner. */
export const tokenClaims = { iss: 'gatehouse', aud: 'gatehouse', ttlSeconds: 900 }

/** Refresh tokens like those of the service, so that one load fits all. */
export const refreshTokens = createRefreshTokens([deriveKeys(JWT_SECRET_KEY).refreshToken])

/** The cost of the service's password hashes: the OWASP minimum. */
export const argon2Cost = { memoryCost: 19_456, timeCost: 2, parallelism: 1 }
