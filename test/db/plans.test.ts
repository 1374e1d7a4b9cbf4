import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FastifyInstance } from 'fastify'
import pg from 'pg'
import { createSessionStore } from '#db/postgres'
import { auditEvent } from '#src/audit'
import { newId } from '#src/ids'
import { login, newEmail, password, refresh, register, signIn, signUp, startApp } from '#test/app'

const me = '/api/v1/users/me'
const ROWS = 100_000

/** A node of `explain (analyze, format json)`; rows are the mean over the loops. */
interface PlanNode {
  'Node Type': string
  'Relation Name'?: string
  'Actual Rows': number
  'Actual Loops': number
  'Rows Removed by Filter'?: number
  'Rows Removed by Index Recheck'?: number
  'Rows Removed by Join Filter'?: number
  Plans?: PlanNode[]
}

interface Explained {
  text: string
  plan: PlanNode
}

/** Users with sessions, idempotency keys and events; one of them, with many, is nobody's in particular. */
const seed = `
  insert into users (id, email, email_key, full_name, password_hash)
  select uuidv7(), 'user' || n || '@example.com', 'user' || n || '@example.com', 'User ' || n, 'hash'
  from generate_series(1, ${ROWS}) n;

  insert into sessions (id, user_id, expires_at, ends_at)
  select uuidv7(), id, now() + interval '30 days', now() + interval '90 days' from users;

  insert into audit_events (id, type, outcome, user_id, correlation_id)
  select uuidv7(), (array['login', 'logout', 'profile_change'])[1 + n % 3], 'success', id, 'seed'
  from users, generate_series(1, 2) n;

  insert into idempotency_keys (scope, key, caller, request_hmac, expires_at)
  select 'POST /api/v1/auth/register', n::text, '192.0.2.1', '\\x00', now() + interval '1 day'
  from generate_series(1, ${ROWS}) n;

  analyze;`

async function execute(url: string, statements: string): Promise<void> {
  const client = new pg.Client(url)
  await client.connect()
  await client.query(statements).finally(() => client.end())
}

const isControl = (text: string) => /^(begin|start transaction|commit|rollback|savepoint|release)/i.test(text)

/**
 * Explains every statement of the pool right before it runs, in its transaction and without leaving a trace.
 * @returns what was explained so far; a statement that fails is left out
 */
function explainAll(pool: pg.Pool): Explained[] {
  const explained: Explained[] = []
  const known = new WeakSet<pg.PoolClient>()
  pool.on('acquire', (client) => {
    if (known.has(client)) return
    known.add(client)
    const run = client.query.bind(client) as (...args: unknown[]) => Promise<pg.QueryResult>
    let inTransaction = false
    const explain = async (text: string, values: unknown) => {
      await run(inTransaction ? 'savepoint explained' : 'begin')
      await run(`explain (analyze, format json) ${text}`, values).then(
        ({ rows }) => explained.push({ text, plan: rows[0]['QUERY PLAN'][0].Plan }),
        () => {},
      )
      await run(inTransaction ? 'rollback to explained' : 'rollback')
    }
    client.query = ((...args: [query: string | pg.QueryConfig, values?: unknown, ...rest: unknown[]]) => {
      const [query, values] = args
      const [text, parameters] = typeof query === 'string' ? [query, values] : [query.text, query.values ?? values]
      if (isControl(text)) inTransaction = !/^(commit|rollback)/i.test(text)
      else return explain(text, parameters).then(() => run(...args))
      return run(...args)
    }) as typeof client.query
  })
  return explained
}

/** Two logins that come to their end in one turn: they share a statement. */
async function openTogether(app: FastifyInstance, email: string): Promise<void> {
  const store = createSessionStore(app.db, { slidingSeconds: 60, absoluteSeconds: 600, graceSeconds: 10 })
  const credentials = await store.credentials(email)
  assert.ok(credentials)
  const { userId, passwordHash } = credentials
  const context = { correlationId: 'plans', ip: null, userAgent: null }
  const open = (id: string) => {
    const event = auditEvent({ type: 'login', outcome: 'success', userId, sessionId: id }, context)
    return store.open({ id, userId, deviceName: null, ip: null, userAgent: null }, passwordHash, null, event)
  }
  assert.deepEqual(await Promise.all([open(newId()), open(newId())]), [true, true])
}

/** Every operation, in each way that sends statements of its own. */
async function useEverything(app: FastifyInstance): Promise<void> {
  const registration = { email: newEmail(), password, fullName: 'Ada' }
  for (const key of ['new', 'new', 'other']) {
    await app.inject({
      method: 'POST',
      url: '/api/v1/auth/register',
      payload: registration,
      headers: { 'idempotency-key': key },
    })
  }
  const { email, as, refreshToken } = await signUp(app)
  await login(app, newEmail())
  await login(app, email, { password: 'a wrong password it is' })
  for (let n = 0; n < 20; n++) await signIn(app, email)
  await openTogether(app, email)

  const stolen = await signIn(app, email)
  const next = (await refresh(app, stolen.refreshToken)).json().refreshToken
  await refresh(app, stolen.refreshToken)
  await refresh(app, next)
  await refresh(app, stolen.refreshToken)
  await refresh(app, refreshToken)

  const { etag } = (await as('GET', me)).headers
  await as('PATCH', me, { fullName: 'Grace' }, { 'if-match': String(etag) })
  await as('PATCH', me, { fullName: 'Joan' }, { 'if-match': String(etag) })
  await as('PATCH', me, { email: newEmail() })
  await as('PATCH', me, { email: 'user7@example.com' })

  const { items, nextCursor } = (await as('GET', `${me}/sessions?limit=5`)).json()
  await as('GET', `${me}/sessions?limit=5&cursor=${nextCursor}`)
  await as('DELETE', `${me}/sessions/${items[0].id}`)
  await as('DELETE', `${me}/sessions/${items[0].id}`)

  for (const filter of ['', '&type=login']) {
    const page = (await as('GET', `${me}/activity?limit=5${filter}`)).json()
    await as('GET', `${me}/activity?limit=5${filter}&cursor=${page.nextCursor}`)
  }
  const wrong = { currentPassword: 'a wrong password it is', newPassword: 'another horse, another staple' }
  await as('PUT', `${me}/password`, wrong)
  await as('PUT', `${me}/password`, { ...wrong, currentPassword: password })
  await as('POST', '/api/v1/auth/logout')
}

function nodesOf(plan: PlanNode): PlanNode[] {
  return [plan, ...(plan.Plans ?? []).flatMap(nodesOf)]
}

/** What is wrong with how a statement finds its rows. */
function problemsOf({ text, plan }: Explained): string[] {
  return nodesOf(plan).flatMap((node) => {
    const table = node['Relation Name']
    const kind = node['Node Type']
    const rows = Math.round(node['Actual Rows'] * node['Actual Loops'])
    const removed =
      (node['Rows Removed by Filter'] ?? 0) +
      (node['Rows Removed by Index Recheck'] ?? 0) +
      (node['Rows Removed by Join Filter'] ?? 0)
    const isRead = table !== undefined && kind !== 'ModifyTable'
    return [
      kind === 'Seq Scan' && `reads all of ${table}`,
      kind === 'Sort' && 'sorts what an index could have given in order',
      // One row that is not as it should be, or is to be kept, is no search.
      removed > 1 && `throws ${removed} rows away`,
      isRead && plan['Node Type'] !== 'ModifyTable' && rows > plan['Actual Rows'] && `reads ${rows} rows of ${table}`,
    ]
      .filter((problem) => problem !== false)
      .map((problem) => `${problem}: ${text}`)
  })
}

test('every statement of a request finds its rows, and no others, by an index', { timeout: 60_000 }, async (t) => {
  const { app, url } = await startApp(t)
  await execute(url, seed)
  await register(app)
  const explained = explainAll(app.pg.pool)
  await useEverything(app)

  const texts = new Set(explained.map(({ text }) => text))
  for (const table of ['users', 'sessions', 'audit_outbox', 'audit_events', 'idempotency_keys']) {
    assert.ok(
      [...texts].some((text) => text.includes(`"${table}"`)),
      `nothing was asked of ${table}`,
    )
  }
  assert.ok(
    [...texts].some((text) => text.includes('for update of users skip locked')),
    'no logins came together',
  )
  assert.ok(texts.size >= 20, `only ${texts.size} different statements were seen`)
  assert.deepEqual([...new Set(explained.flatMap(problemsOf))], [])
})
