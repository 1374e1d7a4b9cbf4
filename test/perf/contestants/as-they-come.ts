// The plugins that an API of this kind usually has, registered as their documentation shows.
import cors from '@fastify/cors'
import helmet from '@fastify/helmet'
import fastifyJwt from '@fastify/jwt'
import rateLimit from '@fastify/rate-limit'
import underPressure from '@fastify/under-pressure'
import Fastify from 'fastify'
import metrics from 'fastify-metrics'
import { Redis } from 'ioredis'
import { Kysely, PostgresDialect, sql } from 'kysely'
import pg from 'pg'
import { alive, me } from './schemas.ts'
import { POOL_MAX, settings, tokenClaims, tokenKey } from './settings.ts'

interface Tables {
  sessions: { id: string; user_id: string; expires_at: Date }
  users: {
    id: string
    email: string
    full_name: string
    role: string
    created_at: Date
    updated_at: Date
    disabled_at: Date | null
  }
}

const pool = new pg.Pool({ connectionString: settings.postgresUrl, max: POOL_MAX })
const db = new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) })
const { iss, aud } = tokenClaims

const app = Fastify({ logger: true })
await app.register(underPressure, { maxEventLoopDelay: 1000 })
await app.register(helmet)
await app.register(cors, { origin: ['https://app.example.com'] })
await app.register(metrics.default, { endpoint: '/metrics' })
await app.register(rateLimit, {
  max: 1_000_000_000,
  timeWindow: 60_000,
  ...(settings.redisUrl ? { redis: new Redis(settings.redisUrl) } : {}),
})
await app.register(fastifyJwt, {
  secret: tokenKey,
  verify: { algorithms: ['HS256'], allowedIss: iss, allowedAud: aud },
})

app.get('/health/live', { schema: alive }, async () => ({ status: 'alive' }))

app.get('/api/v1/users/me', { schema: me, onRequest: (request) => request.jwtVerify() }, async (request) => {
  const { sub, sid } = request.user as { sub: string; sid: string }
  const user = await db
    .selectFrom('sessions as s')
    .innerJoin('users as u', 'u.id', 's.user_id')
    .select(['u.id', 'u.email', 'u.full_name as fullName', 'u.role'])
    .select(['u.created_at as createdAt', 'u.updated_at as updatedAt'])
    .where('s.id', '=', sid)
    .where('u.id', '=', sub)
    .where('s.expires_at', '>', sql<Date>`now()`)
    .where('u.disabled_at', 'is', null)
    .executeTakeFirst()
  return user ?? Promise.reject(Object.assign(new Error('Unauthorized'), { statusCode: 401 }))
})

await app.listen(settings)
