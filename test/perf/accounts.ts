import { createHmac } from 'node:crypto'
import { hash } from '@node-rs/argon2'
import pg from 'pg'
import { createMigrations, poolOptions } from '#db/postgres'
import { createRefreshTokens, deriveKeys } from '#src/auth'

/** A user that was filled in, with one of its sessions. */
export interface Account {
  sessionId: string
  /** As `GET /api/v1/users/me` answers it. */
  user: { id: string; email: string; fullName: string; role: string; createdAt: string; updatedAt: string }
}

/** The password of all users. */
export const password = 'correct horse battery staple'
/** The secret of all servers. */
export const secret = 'a key for measurements only, of more than 32 bytes'

const ACCESS_TOKEN_SECONDS = 900
const { accessToken: key, refreshToken: refreshKey, kid } = deriveKeys(secret)
const refreshTokens = createRefreshTokens([refreshKey])
const encoded = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url')

/** A pool without time limits: what fills a large database takes its time. */
export function openPool(url: string): pg.Pool {
  const settings = { max: 2, queryTimeoutMs: 0, statementTimeoutMs: 0, lockTimeoutMs: 0, idleInTransactionTimeoutMs: 0 }
  return new pg.Pool(poolOptions(url, settings)).on('error', () => {})
}

/** Makes the tables, and fills in users who all have the same number of sessions. */
export async function fillAccounts(pool: pg.Pool, users: number, sessionsPerUser = 1): Promise<void> {
  await createMigrations(pool).up()
  const passwordHash = await hash(password, { memoryCost: 19_456, timeCost: 2, parallelism: 1 })
  const client = await pool.connect()
  try {
    // Every session has its user: looking again for each row would take the longest.
    await client.query('set session_replication_role = replica')
    await client.query(
      `insert into users (id, email, email_key, full_name, password_hash)
       select uuidv7(), 'user-' || n || '@example.com', 'user-' || n || '@example.com', 'User ' || n, $1::text
       from generate_series(1, $2::int) n`,
      [passwordHash, users],
    )
    await client.query(
      `insert into sessions (id, user_id, device_name, ip, user_agent, expires_at, ends_at)
       select uuidv7(), id, 'Device ' || n, '203.0.113.7', 'Mozilla/5.0', now() + interval '30 days', now() + interval '90 days'
       from users, generate_series(1, $1::int) n`,
      [sessionsPerUser],
    )
    await client.query('reset session_replication_role')
    await client.query('vacuum analyze')
  } finally {
    client.release()
  }
}

/** Users from all over the table. */
export async function readAccounts(pool: pg.Pool, count: number): Promise<Account[]> {
  const { rows } = await pool.query(
    `select s.id as "sessionId", u.id, u.email, u.full_name as "fullName", u.role,
       u.created_at as "createdAt", u.updated_at as "updatedAt"
     from (select * from users order by md5(email) limit $1) u
     cross join lateral (select id from sessions where user_id = u.id order by id limit 1) s`,
    [count],
  )
  return rows.map(({ sessionId, ...user }) => ({ sessionId, user: JSON.parse(JSON.stringify(user)) }))
}

/** An access token as the service issues it, fresh. */
export function accessToken({ sessionId, user }: Account): string {
  const iat = Math.floor(Date.now() / 1000)
  const claims = {
    sub: user.id,
    sid: sessionId,
    iat,
    exp: iat + ACCESS_TOKEN_SECONDS,
    iss: 'gatehouse',
    aud: 'gatehouse',
  }
  const unsigned = `${encoded({ alg: 'HS256', typ: 'at+jwt', kid })}.${encoded(claims)}`
  return `${unsigned}.${createHmac('sha256', key).update(unsigned).digest('base64url')}`
}

/** The refresh token that a session has after so many refreshes. */
export function refreshToken({ sessionId }: Account, generation: number): string {
  return refreshTokens.issue({ sessionId, generation })
}
