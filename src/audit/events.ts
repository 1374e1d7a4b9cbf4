import { newId } from '#src/ids'

/** What the audit trail records, each as `success` or `failure`. */
export const auditEventTypes = [
  'registration',
  'login',
  'refresh_token_reuse',
  'logout',
  'session_revoked',
  'password_change',
  'profile_change',
] as const
export type AuditEventType = (typeof auditEventTypes)[number]

export type AuditOutcome = 'success' | 'failure'

/** Where a request came from, as an audit event remembers it. */
export interface RequestContext {
  correlationId: string
  ip: string | null
  userAgent: string | null
}

/** A fact about an account. It outlives the account, so it refers to it by id only. */
export interface AuditEvent extends RequestContext {
  /** UUIDv7, made once: it is what makes a second delivery recognisable. */
  id: string
  type: AuditEventType
  outcome: AuditOutcome
  /** `null` where no account is concerned, as with a login under an unknown address. */
  userId: string | null
  sessionId: string | null
  occurredAt: Date
  /** Small and free of secrets: its owner reads it in the activity list. */
  details: Record<string, string | number | boolean | string[]>
}

type NewAuditEvent = Pick<AuditEvent, 'type' | 'outcome' | 'userId'> &
  Partial<Pick<AuditEvent, 'sessionId' | 'details'>>

/** An event with its own id and time. */
export function auditEvent(event: NewAuditEvent, context: RequestContext): AuditEvent {
  return {
    id: newId(),
    occurredAt: new Date(),
    sessionId: null,
    details: {},
    ...event,
    correlationId: context.correlationId,
    ip: context.ip,
    userAgent: context.userAgent,
  }
}
