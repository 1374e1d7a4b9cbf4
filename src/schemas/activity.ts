import { type Static, Type } from '@sinclair/typebox'
import { type AuditEvent, type AuditEventType, type AuditOutcome, auditEventTypes } from '#src/audit'
import { Id, NullableId, NullableText, Timestamp } from './fields.ts'
import { correlationIdExample } from './headers.ts'

/** An audit event as the account's owner sees it. */
export const ActivityEvent = Type.Object(
  {
    id: Id,
    type: Type.Unsafe<AuditEventType>({ type: 'string', enum: [...auditEventTypes] }),
    outcome: Type.Unsafe<AuditOutcome>({ type: 'string', enum: ['success', 'failure'] }),
    occurredAt: Timestamp,
    ip: NullableText,
    userAgent: NullableText,
    sessionId: NullableId,
    correlationId: Type.String(),
    details: Type.Unsafe<AuditEvent['details']>({
      type: 'object',
      additionalProperties: true,
      description: 'What else there is to say, by type of event',
    }),
  },
  { $id: 'ActivityEvent', additionalProperties: false },
)
export type ActivityEvent = Static<typeof ActivityEvent>

export const activityExample: ActivityEvent = {
  id: '0197b2f4-9c8d-7e6f-8a1b-2c3d4e5f6a7b',
  type: 'login',
  outcome: 'success',
  occurredAt: '2026-01-15T10:29:30.000Z',
  ip: '203.0.113.7',
  userAgent: 'Mozilla/5.0',
  sessionId: '0197b2f4-8b4f-7c5d-9e10-1a2b3c4d5e6f',
  correlationId: correlationIdExample,
  details: {},
}

/** The answer that shows an event. */
export function toActivityBody({ userId: _, occurredAt, ...event }: AuditEvent): ActivityEvent {
  return { ...event, occurredAt: occurredAt.toISOString() }
}
