import { type Kysely, type Sql, sql } from 'kysely'
import type { AuditEvent } from '#src/audit'
import type { NewSession, SessionLifetime } from '#src/auth'
import { eventColumns, toRow } from './outbox.ts'
import type { Database } from './schema.ts'
import { statement, type ValueOf } from './statements.ts'

/** A session to be opened if the user still has the hash that its password was checked against. */
export interface Opening {
  session: NewSession
  checkedHash: string
  event: AuditEvent
}

/** What logins, refreshes and authenticated requests send. Each is one atomic unit, and its only round trip. */
export function sessionStatements(db: Kysely<Database>, lifetime: SessionLifetime) {
  const seconds = (count: number) => sql<Date>`now() + make_interval(secs => ${count})`

  const principals = statement((value: ValueOf<{ sessionIds: readonly string[] }>) =>
    db
      .selectFrom('sessions as s')
      .innerJoin('users as u', 'u.id', 's.user_id')
      .select([
        's.id as session_id',
        'u.id',
        'u.email',
        'u.full_name',
        'u.role',
        'u.version',
        'u.created_at',
        'u.updated_at',
      ])
      .where('s.id', '=', sql<string>`any(${value('sessionIds')}::uuid[])`)
      .where('s.expires_at', '>', sql<Date>`now()`)
      .where('u.disabled_at', 'is', null),
  )

  const credentials = statement((value: ValueOf<{ emailKeys: readonly string[] }>) =>
    db
      .selectFrom('users')
      .select(['email_key', 'id', 'password_hash', 'disabled_at'])
      .where('email_key', '=', sql<string>`any(${value('emailKeys')}::text[])`),
  )

  // Whatever gives the owners also locks the users against a password change, which ends all sessions that it sees.
  const openFor = <Values extends OpeningValues>(owners: (value: ValueOf<Values>) => ReturnType<Sql>) =>
    statement((value: ValueOf<Values>) => {
      const columns = sql.join(eventColumns.map((column) => sql.ref(column)))
      const query = sql<{ id: string }>`
        with asked as (
          select * from unnest(
            ${value('ids')}::uuid[], ${value('userIds')}::uuid[], ${value('checkedHashes')}::text[],
            ${value('deviceNames')}::text[], ${value('ips')}::text[], ${value('userAgents')}::text[],
            ${value('events')}::jsonb[]
          ) as asked (id, user_id, checked_hash, device_name, ip, user_agent, event)
        ),
        owned as (${owners(value)}),
        opened as (
          insert into sessions (id, user_id, device_name, ip, user_agent, expires_at, ends_at)
          select id, user_id, device_name, ip, user_agent,
            ${seconds(Math.min(lifetime.slidingSeconds, lifetime.absoluteSeconds))}, ${seconds(lifetime.absoluteSeconds)}
          from owned
        ),
        told as (
          insert into audit_outbox (${columns})
          select told.* from owned,
            lateral (select ${columns} from jsonb_populate_record(null::audit_outbox, event)) told
        )
        select id from owned`
      return { compile: () => query.compile(db) }
    })
  const isOwner = sql`
    users.id = asked.user_id and users.password_hash = asked.checked_hash and users.disabled_at is null`
  const lockedOwners = (lock: ReturnType<Sql>) => () => sql`select asked.* from asked join users on ${isOwner} ${lock}`

  /** Waits for whoever holds the user. */
  const open = openFor<OpeningValues>(lockedOwners(sql`for update of users`))
  /** Opens what it can without a wait: nobody shall wait for another one's user, or deadlock. */
  const openUnlocked = openFor<OpeningValues>(lockedOwners(sql`for update of users skip locked`))
  const openWithNewHash = openFor<OpeningValues & { newHash: string }>(
    (value) => sql`
      update users set password_hash = ${value('newHash')} from asked where ${isOwner}
      returning asked.*`,
  )

  const rotate = statement((value: ValueOf<{ sessionId: string; generation: number; next: number }>) =>
    db
      .updateTable('sessions')
      .from('users')
      .set({
        generation: value('next'),
        rotated_at: sql`now()`,
        last_used_at: sql`now()`,
        expires_at: sql`least(${seconds(lifetime.slidingSeconds)}, ends_at)`,
      })
      .where('sessions.id', '=', value('sessionId'))
      .where('generation', '=', value('generation'))
      .where('expires_at', '>', sql<Date>`now()`)
      .whereRef('users.id', '=', 'sessions.user_id')
      .where('users.disabled_at', 'is', null)
      .returning('users.id'),
  )

  return { principals, credentials, open, openUnlocked, openWithNewHash, rotate }
}

type OpeningValues = ReturnType<typeof openingValues>

/** The columns of some openings. */
export function openingValues(openings: readonly Opening[]) {
  return {
    ids: openings.map(({ session }) => session.id),
    userIds: openings.map(({ session }) => session.userId),
    checkedHashes: openings.map(({ checkedHash }) => checkedHash),
    deviceNames: openings.map(({ session }) => session.deviceName),
    ips: openings.map(({ session }) => session.ip),
    userAgents: openings.map(({ session }) => session.userAgent),
    events: openings.map(({ event }) => JSON.stringify(toRow(event))),
  }
}
