import type { AuditEvent } from '#src/audit'
import type { Idempotent } from '#src/idempotency'
import type { Email } from './email.ts'
import type { User } from './user.ts'

type NewUser = Pick<User, 'id' | 'fullName'> & Email & { passwordHash: string }

export type ProfileChange = Partial<Email> & { fullName?: string }

/** Builds the event of an outcome that only the store learns. */
type EventFor<Outcome> = (outcome: Outcome) => AuditEvent

/**
 * Accounts at rest. Every method is one atomic unit that includes its audit events.
 * All throw `ServiceUnavailableError` while the store is down or slow.
 */
export interface AccountStore {
  /**
   * Inserts the user, unless another one has the address.
   * @param eventFor the event for the new user, or for the one that has the address already
   * @param idempotent the claim of a request that may be repeated: its answer is stored with the user
   * @returns the user, or `null` when the address is taken
   * @throws AppError `IdempotencyConflictError` when a twin of the request was faster
   */
  create(
    user: NewUser,
    eventFor: EventFor<{ created: boolean; userId: string }>,
    idempotent: Idempotent<User> | null,
  ): Promise<User | null>

  /**
   * Changes the profile if its version is one of `versions` (`null`: whatever it is).
   * @returns the changed user, or why nothing changed
   */
  updateProfile(
    userId: string,
    change: ProfileChange,
    versions: readonly number[] | null,
    eventFor: EventFor<'changed' | 'taken' | 'stale'>,
  ): Promise<{ user: User } | { refused: 'taken' | 'stale' }>

  /** The hash to check a password against, or `null` where there is no such user. */
  passwordHash(userId: string): Promise<string | null>

  /**
   * Replaces the password and ends every session but `keepSessionId`.
   * @param expectedHash what the password was checked against: another one means that it was changed meanwhile
   * @param eventsFor the events, given the ids of the ended sessions
   * @returns whether it was replaced
   */
  changePassword(
    userId: string,
    keepSessionId: string,
    expectedHash: string,
    newHash: string,
    eventsFor: (endedSessionIds: readonly string[]) => AuditEvent[],
  ): Promise<boolean>

  /** Writes an event that accompanies no change. */
  record(event: AuditEvent): Promise<void>
}
