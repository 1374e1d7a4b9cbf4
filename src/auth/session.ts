import type { Principal } from '#src/accounts'
import type { AuditEvent } from '#src/audit'

/** One sign-in on one device. It exists as long as it is good: an ended session is gone. */
export interface Session {
  id: string
  userId: string
  /** As the caller named it at login. */
  deviceName: string | null
  ip: string | null
  userAgent: string | null
  createdAt: Date
  lastUsedAt: Date
  expiresAt: Date
}

/** What a login needs to know of a user. */
interface Credentials {
  userId: string
  passwordHash: string
  disabled: boolean
}

/** A session to be opened. */
export type NewSession = Pick<Session, 'id' | 'userId' | 'deviceName' | 'ip' | 'userAgent'>

/** How long a session lives. */
export interface SessionLifetime {
  /** From the last refresh. */
  slidingSeconds: number
  /** From the login, however often it is refreshed. */
  absoluteSeconds: number
  /** How long a replaced refresh token still gets its successor: two tabs may race. */
  graceSeconds: number
}

type RotationResult =
  /** The token to hold from now on has this generation; the same for everybody who asks within the grace. */
  | { kind: 'rotated'; userId: string; generation: number }
  /** A replaced token came back too late or too old: its session has been ended. */
  | { kind: 'reused'; userId: string }
  | { kind: 'ended' }

/**
 * Sessions at rest. Every method is one atomic unit that includes its audit events.
 * All throw `ServiceUnavailableError` while the store is down or slow.
 */
export interface SessionStore {
  /** @param emailKey the normalised address */
  credentials(emailKey: string): Promise<Credentials | null>

  /**
   * Opens a session, and replaces the hash where a new one is given.
   * @param checkedHash what the password was checked against: nothing is opened when it was changed meanwhile
   * @returns whether it was opened
   */
  open(session: NewSession, checkedHash: string, newHash: string | null, event: AuditEvent): Promise<boolean>

  /**
   * Replaces the current refresh token, or finds out that this was not it.
   * @param reuseEvents the events of a theft, written with the end of the session
   */
  rotate(sessionId: string, generation: number, reuseEvents: (userId: string) => AuditEvent[]): Promise<RotationResult>

  /** Who makes a request in this session, read anew on each call; `null` once the session or the account has ended. */
  principal(sessionId: string): Promise<Principal | null>

  /** A user's sessions with ids below `beforeId` (`null`: from the newest), newest first. */
  list(userId: string, beforeId: string | null, limit: number): Promise<Session[]>

  /**
   * Ends a session of this user.
   * @returns whether there was one; the event says so
   */
  end(userId: string, sessionId: string, eventFor: (ended: boolean) => AuditEvent): Promise<boolean>

  /** Writes an event that accompanies no change. */
  record(event: AuditEvent): Promise<void>
}
