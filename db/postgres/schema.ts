import type { ColumnType, Generated } from 'kysely'
import type { Role } from '#src/accounts'
import type { AuditEvent, AuditEventType, AuditOutcome } from '#src/audit'

/** A time the database fills in when it is left out. */
type DefaultedTime = ColumnType<Date, Date | undefined, Date>

type JsonObject = Record<string, unknown>

/** An account. */
export interface UsersTable {
  id: string
  email: string
  /** The address as it is compared: unique. */
  email_key: string
  full_name: string
  role: Generated<Role>
  password_hash: string
  /** Counts the changes; the `ETag` is made of it. */
  version: Generated<number>
  disabled_at: Date | null
  created_at: DefaultedTime
  updated_at: DefaultedTime
}

/** An ended session is deleted, so every row is one that may still be used until `expires_at`. */
interface SessionsTable {
  id: string
  user_id: string
  /** Which refresh token is the current one: they are numbered from 0. */
  generation: Generated<number>
  rotated_at: DefaultedTime
  device_name: string | null
  ip: string | null
  user_agent: string | null
  created_at: DefaultedTime
  last_used_at: DefaultedTime
  /** Slides with each refresh, never beyond `ends_at`. */
  expires_at: Date
  ends_at: Date
}

/** An audit event: facts outlive accounts and sessions, hence no foreign keys. */
export interface AuditEventsTable {
  id: string
  type: AuditEventType
  outcome: AuditOutcome
  user_id: string | null
  session_id: string | null
  correlation_id: string
  ip: string | null
  user_agent: string | null
  occurred_at: DefaultedTime
  details: ColumnType<AuditEvent['details'], AuditEvent['details'] | undefined, never>
}

interface IdempotencyKeysTable {
  /** The endpoint. */
  scope: string
  key: string
  /** User id, or the client address of a caller without one. */
  caller: string
  request_hmac: Buffer
  /** `null` while the first request runs, which nobody else sees. */
  response: JsonObject | null
  created_at: DefaultedTime
  expires_at: Date
}

/** The tables as the newest migration leaves them. */
export interface Database {
  users: UsersTable
  sessions: SessionsTable
  audit_outbox: AuditEventsTable
  audit_events: AuditEventsTable
  idempotency_keys: IdempotencyKeysTable
}
