import type { AuditEvent, AuditEventType } from './events.ts'

/** Which part of a user's trail is wanted. */
export interface TrailPage {
  /** Only events with lower ids; `null`: from the newest. */
  beforeId: string | null
  type: AuditEventType | null
  limit: number
}

/** Where audit events stay. All methods throw `ServiceUnavailableError` while it is down or slow. */
export interface AuditTrail {
  /** Adds events; one that is there already changes nothing. Resolves when no crash can lose them any more. */
  append(events: readonly AuditEvent[]): Promise<void>
  /** A user's events, newest first. */
  page(userId: string, page: TrailPage): Promise<AuditEvent[]>
  /**
   * Removes events that are older than the retention, where the trail does not do so by itself.
   * @returns how many
   */
  purge(): Promise<number>
}

/** Where audit events wait for the relay, in the store of the changes they describe. */
export interface AuditOutbox {
  /**
   * Hands the oldest events that nobody else is handing over to `deliver`, and removes them once it has resolved.
   * @returns how many events were handed over
   */
  handOver(limit: number, deliver: (events: readonly AuditEvent[]) => Promise<void>): Promise<number>
  /** How many events wait, and for how many seconds the oldest of them. */
  backlog(): Promise<{ pending: number; oldestSeconds: number }>
  /** Calls back when events have come in, until the signal; reconnects by itself. A call may be missed. */
  listen(onEvents: () => void, signal: AbortSignal): Promise<void>
}
