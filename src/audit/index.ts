export {
  type AuditEvent,
  type AuditEventType,
  type AuditOutcome,
  auditEvent,
  auditEventTypes,
  type RequestContext,
} from './events.ts'
export { type AuditReader, createAuditReader } from './reader.ts'
export { runRelay } from './relay.ts'
export type { AuditOutbox, AuditTrail, TrailPage } from './trail.ts'
