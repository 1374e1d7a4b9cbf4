import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyInstance, LightMyRequestResponse } from 'fastify'
import { collectLines } from '#test/log-lines'
import { createDatabase } from '#test/postgres'
import { buildApp } from '../../src/app.ts'
import { loadConfig } from '../../src/config.ts'
import { loggerOptions } from '../../src/logger.ts'

export type LogLine = Record<string, unknown> & { msg?: string; correlationId?: string }

/** A password that the policy accepts. */
export const password = 'correct horse battery staple'

/** Settings of the tests: cheap hashes, and limits that only their own tests reach, however busy the machine is. */
export const testEnvironment = {
  NODE_ENV: 'test',
  JWT_SECRET_KEY: 'a key for tests only and of more than 32 bytes',
  ARGON2_MEMORY_KIB: '1024',
  ARGON2_TIME_COST: '1',
  OVERLOAD_EVENT_LOOP_DELAY_MS: '0',
  POSTGRES_CONNECT_TIMEOUT_MS: '5000',
  RATE_LIMIT_DEFAULT: '1000000/60',
  RATE_LIMIT_LOGIN: '1000000/60',
  RATE_LIMIT_LOGIN_ADDRESS: '1000000/60',
  RATE_LIMIT_REGISTER: '1000000/60',
  RATE_LIMIT_REFRESH: '1000000/60',
}

/** The service on a database of its own, ready for requests; closed after the test. */
export async function startApp(t: TestContext, environment: Record<string, string> = {}) {
  const { url } = await createDatabase(t)
  const config = loadConfig({ ...testEnvironment, POSTGRES_URL: url, ...environment })
  const { stream, lines } = collectLines<LogLine>()
  const app = await buildApp(config, { logger: { ...(await loggerOptions(config)), stream } })
  t.after(() => app.close())
  await until(async () => (await app.health.readiness()).status === 'ready', 'the app is ready')
  return { app, lines, url }
}

/** Waits for a condition; fails the test when it does not come within `timeoutMs`. */
export async function until(
  condition: () => Promise<boolean> | boolean,
  what: string,
  timeoutMs = 10_000,
): Promise<void> {
  const deadline = Date.now() + timeoutMs
  while (!(await condition())) {
    assert.ok(Date.now() < deadline, `gave up waiting until ${what}`)
    await sleep(20)
  }
}

export function newEmail(): string {
  return `user-${randomUUID()}@example.com`
}

/** A new account. */
export async function register(app: FastifyInstance, fields: { email?: string; fullName?: string } = {}) {
  const email = fields.email ?? newEmail()
  const answer = await app.inject({
    method: 'POST',
    url: '/api/v1/auth/register',
    payload: { email, password, fullName: fields.fullName ?? 'Ada Lovelace' },
  })
  assert.equal(answer.statusCode, 201, answer.body)
  return { email, user: answer.json() as { id: string; email: string; fullName: string } }
}

export function login(
  app: FastifyInstance,
  email: string,
  fields: Record<string, string> = {},
): Promise<LightMyRequestResponse> {
  return app.inject({ method: 'POST', url: '/api/v1/auth/login', payload: { email, password, ...fields } })
}

export function refresh(app: FastifyInstance, refreshToken: string): Promise<LightMyRequestResponse> {
  return app.inject({ method: 'POST', url: '/api/v1/auth/refresh', payload: { refreshToken } })
}

/** A new account, signed in. */
export async function signUp(app: FastifyInstance) {
  const { email, user } = await register(app)
  return { email, user, ...(await signIn(app, email)) }
}

/** A session: its tokens, and a function that makes requests in it. */
export async function signIn(app: FastifyInstance, email: string) {
  const answer = await login(app, email)
  assert.equal(answer.statusCode, 200, answer.body)
  const { accessToken, refreshToken } = answer.json() as { accessToken: string; refreshToken: string }
  const as = (
    method: 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE',
    url: string,
    payload?: object,
    headers: Record<string, string> = {},
  ) =>
    app.inject({
      method,
      url,
      headers: { authorization: `Bearer ${accessToken}`, ...headers },
      ...(payload ? { payload } : {}),
    })
  return { accessToken, refreshToken, as }
}

/** The audit events so far, oldest first, wherever the relay has got to with them. */
export function auditEvents(app: FastifyInstance) {
  return app.db
    .selectFrom('audit_outbox')
    .selectAll()
    .union(app.db.selectFrom('audit_events').selectAll())
    .orderBy('id')
    .execute()
}
