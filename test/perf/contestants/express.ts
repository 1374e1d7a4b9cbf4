// Express, pg, jsonwebtoken and node-argon2, as their documentation shows.
import argon2 from 'argon2'
import express from 'express'
import jwt from 'jsonwebtoken'
import pg from 'pg'
import { newId } from '#src/ids'
import { findCaller, findCredentials, insertUser, openSession, rotateSession } from './queries.ts'
import { argon2Cost, POOL_MAX, refreshTokens, settings, tokenClaims, tokenKey } from './settings.ts'

const pool = new pg.Pool({ connectionString: settings.postgresUrl, max: POOL_MAX })
const { iss: issuer, aud: audience, ttlSeconds: expiresIn } = tokenClaims

const tokenPair = (userId: string, sessionId: string, generation: number) => ({
  accessToken: jwt.sign({ sid: sessionId }, tokenKey, { subject: userId, issuer, audience, expiresIn }),
  refreshToken: refreshTokens.issue({ sessionId, generation }),
  tokenType: 'Bearer',
  expiresIn,
})

const app = express()
app.use(express.json())

app.get('/health/live', (_request, response) => {
  response.json({ status: 'alive' })
})

app.get('/api/v1/users/me', async (request, response) => {
  const token = (request.headers.authorization ?? '').slice(7)
  const { sub, sid } = jwt.verify(token, tokenKey, { algorithms: ['HS256'], issuer, audience }) as jwt.JwtPayload
  const { rows } = await pool.query(findCaller, [sid, sub])
  if (rows[0]) response.json(rows[0])
  else response.sendStatus(401)
})

app.post('/api/v1/auth/refresh', async (request, response) => {
  const claims = refreshTokens.read(request.body.refreshToken)
  const { rows } = claims ? await pool.query(rotateSession, [claims.sessionId, claims.generation]) : { rows: [] }
  if (claims && rows[0]) response.json(tokenPair(rows[0].userId, claims.sessionId, claims.generation + 1))
  else response.sendStatus(401)
})

app.post('/api/v1/auth/login', async (request, response) => {
  const { rows } = await pool.query(findCredentials, [request.body.email])
  if (!rows[0] || !(await argon2.verify(rows[0].passwordHash, request.body.password))) {
    response.sendStatus(401)
    return
  }
  const sessionId = newId()
  await pool.query(openSession, [sessionId, rows[0].id])
  response.json(tokenPair(rows[0].id, sessionId, 0))
})

app.post('/api/v1/auth/register', async (request, response) => {
  const { email, password, fullName } = request.body
  const passwordHash = await argon2.hash(password, argon2Cost)
  const { rows } = await pool.query(insertUser, [newId(), email, fullName, passwordHash])
  response.status(201).json(rows[0])
})

app.listen(settings.port, settings.host)
