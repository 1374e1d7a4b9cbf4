import { type AuditEvent, auditEvent, type RequestContext } from '#src/audit'
import { type BusinessMetrics, counted, type RegistrationReason } from '#src/business-metrics'
import { AppError, type ErrorName } from '#src/errors'
import type { Idempotent } from '#src/idempotency'
import { newId } from '#src/ids'
import { parseEmail } from './email.ts'
import { isNotModified, matchedVersions, userEtag } from './etag.ts'
import type { AccountStore, ProfileChange } from './store.ts'
import type { Principal, User } from './user.ts'

interface Dependencies {
  store: AccountStore
  passwords: {
    /** @throws AppError `ValidationError` at `pointer` when the password is too weak for this account */
    check(password: string, email: string, pointer: string): void
    hash(password: string): Promise<string>
    verify(hash: string, password: string): Promise<boolean>
  }
  metrics: Pick<BusinessMetrics, 'registration'>
}

interface Registration {
  email: string
  password: string
  fullName: string
}

const registrationReason: Partial<Record<ErrorName, RegistrationReason>> = {
  EmailTakenError: 'email_taken',
  ValidationError: 'weak_password',
}

/** The use cases of an account and its owner. */
export type Accounts = ReturnType<typeof createAccounts>

export function createAccounts({ store, passwords, metrics }: Dependencies) {
  return {
    etag: userEtag,
    isNotModified,

    /**
     * Opens an account.
     * @param idempotent the claim of a request that may be repeated
     * @throws AppError `ValidationError` (password), `EmailTakenError`, `ServiceUnavailableError`
     */
    register(input: Registration, context: RequestContext, idempotent: Idempotent<User> | null = null): Promise<User> {
      return counted(
        metrics.registration,
        (error) => (error instanceof AppError ? registrationReason[error.name] : undefined),
        async () => {
          const address = parseEmail(input.email)
          passwords.check(input.password, address.email, '/password')
          const passwordHash = await passwords.hash(input.password)
          const user = await store.create(
            { id: newId(), ...address, fullName: input.fullName, passwordHash },
            ({ created, userId }) =>
              auditEvent(
                created
                  ? { type: 'registration', outcome: 'success', userId }
                  : { type: 'registration', outcome: 'failure', userId, details: { reason: 'email_taken' } },
                context,
              ),
            idempotent,
          )
          if (user === null) throw emailTaken()
          return user
        },
      )
    },

    /**
     * Changes what the caller may change of the own profile.
     * @param ifMatch the `If-Match` header, if any: compared in the statement that writes
     * @throws AppError `ValidationError` (malformed `If-Match`), `EmailTakenError`, `PreconditionFailedError`
     */
    async updateProfile(
      principal: Principal,
      input: { email?: string; fullName?: string },
      ifMatch: string | undefined,
      context: RequestContext,
    ): Promise<User> {
      const change: ProfileChange = {
        ...(input.email === undefined ? {} : parseEmail(input.email)),
        ...(input.fullName === undefined ? {} : { fullName: input.fullName }),
      }
      const result = await store.updateProfile(
        principal.user.id,
        change,
        matchedVersions(ifMatch, principal.user.id),
        (outcome) =>
          auditEvent(
            {
              type: 'profile_change',
              outcome: outcome === 'changed' ? 'success' : 'failure',
              userId: principal.user.id,
              sessionId: principal.sessionId,
              details: { fields: Object.keys(input), ...(outcome === 'changed' ? {} : { reason: outcome }) },
            },
            context,
          ),
      )
      if ('user' in result) return result.user
      throw result.refused === 'taken'
        ? emailTaken()
        : new AppError('PreconditionFailedError', 'The resource has changed')
    },

    /**
     * Replaces the caller's password and ends every other session.
     * @throws AppError `InvalidCredentialsError`, `ValidationError` (new password), `ServiceUnavailableError`
     */
    async changePassword(
      principal: Principal,
      input: { currentPassword: string; newPassword: string },
      context: RequestContext,
    ): Promise<void> {
      const about = { userId: principal.user.id, sessionId: principal.sessionId }
      const refuse = async () => {
        await store.record(auditEvent({ type: 'password_change', outcome: 'failure', ...about }, context))
        return new AppError('InvalidCredentialsError', 'The current password is wrong')
      }
      const currentHash = await store.passwordHash(about.userId)
      if (currentHash === null || !(await passwords.verify(currentHash, input.currentPassword))) throw await refuse()
      passwords.check(input.newPassword, principal.user.email, '/newPassword')
      const newHash = await passwords.hash(input.newPassword)
      const eventsFor = (endedSessionIds: readonly string[]): AuditEvent[] => [
        auditEvent({ type: 'password_change', outcome: 'success', ...about }, context),
        ...endedSessionIds.map((sessionId) =>
          auditEvent(
            {
              type: 'session_revoked',
              outcome: 'success',
              userId: about.userId,
              sessionId,
              details: { reason: 'password_change' },
            },
            context,
          ),
        ),
      ]
      const changed = await store.changePassword(about.userId, about.sessionId, currentHash, newHash, eventsFor)
      if (!changed) throw await refuse()
    },
  }
}

function emailTaken(): AppError {
  return new AppError('EmailTakenError', 'An account with this e-mail address exists')
}
