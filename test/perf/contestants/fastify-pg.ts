// Fastify and pg written by hand for speed: named prepared statements, a synchronous token check, nothing else on.
import fastifyJwt from '@fastify/jwt'
import { hash, verify } from '@node-rs/argon2'
import Fastify, { type FastifyRequest } from 'fastify'
import pg from 'pg'
import { newId } from '#src/ids'
import { findCaller, findCredentials, insertUser, openSession, rotateSession } from './queries.ts'
import { login, me, refresh, register } from './schemas.ts'
import { argon2Cost, POOL_MAX, refreshTokens, settings, tokenClaims, tokenKey } from './settings.ts'

const app = Fastify()
const pool = new pg.Pool({ connectionString: settings.postgresUrl, max: POOL_MAX })
const unauthorized = () => Object.assign(new Error('Unauthorized'), { statusCode: 401 })

const { iss, aud, ttlSeconds } = tokenClaims
await app.register(fastifyJwt, {
  secret: tokenKey,
  sign: { algorithm: 'HS256', iss, aud, expiresIn: ttlSeconds },
  verify: { algorithms: ['HS256'], allowedIss: iss, allowedAud: aud, requiredClaims: ['sub', 'sid', 'exp'] },
})

const tokenPair = (userId: string, sessionId: string, generation: number) => ({
  accessToken: app.jwt.sign({ sub: userId, sid: sessionId }),
  refreshToken: refreshTokens.issue({ sessionId, generation }),
  tokenType: 'Bearer',
  expiresIn: ttlSeconds,
})

app.get('/api/v1/users/me', { schema: me }, async (request) => {
  const { sub, sid } = app.jwt.verify<{ sub: string; sid: string }>((request.headers.authorization ?? '').slice(7))
  const { rows } = await pool.query({ name: 'caller', text: findCaller, values: [sid, sub] })
  return rows[0] ?? Promise.reject(unauthorized())
})

app.post('/api/v1/auth/refresh', { schema: refresh }, async (request) => {
  const claims = refreshTokens.read((request.body as { refreshToken: string }).refreshToken)
  if (!claims) throw unauthorized()
  const { sessionId, generation } = claims
  const { rows } = await pool.query({ name: 'rotate', text: rotateSession, values: [sessionId, generation] })
  if (!rows[0]) throw unauthorized()
  return tokenPair(rows[0].userId, sessionId, generation + 1)
})

app.post('/api/v1/auth/login', { schema: login }, async (request) => {
  const { email, password } = request.body as { email: string; password: string }
  const { rows } = await pool.query({ name: 'credentials', text: findCredentials, values: [email] })
  if (!rows[0] || !(await verify(rows[0].passwordHash, password))) throw unauthorized()
  const sessionId = newId()
  await pool.query({ name: 'open', text: openSession, values: [sessionId, rows[0].id] })
  return tokenPair(rows[0].id, sessionId, 0)
})

app.post('/api/v1/auth/register', { schema: register }, async (request: FastifyRequest, reply) => {
  const { email, password, fullName } = request.body as { email: string; password: string; fullName: string }
  const values = [newId(), email, fullName, await hash(password, argon2Cost)]
  const { rows } = await pool.query({ name: 'register', text: insertUser, values })
  return reply.code(201).send(rows[0])
})

await app.listen(settings)
