import { randomUUID } from 'node:crypto'
import { type AuditEvent, auditEvent } from '#src/audit'

/** An audit event of a login, or as the fields say. */
export function newAuditEvent(fields: Partial<AuditEvent> = {}): AuditEvent {
  const context = { correlationId: randomUUID(), ip: '192.0.2.7', userAgent: 'test' }
  return { ...auditEvent({ type: 'login', outcome: 'success', userId: randomUUID() }, context), ...fields }
}
