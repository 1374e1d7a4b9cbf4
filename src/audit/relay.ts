import type { AuditEvent } from './events.ts'
import type { AuditOutbox, AuditTrail } from './trail.ts'

interface RelayLog {
  debug(fields: Record<string, unknown>, message: string): void
  info(fields: Record<string, unknown>, message: string): void
  error(fields: Record<string, unknown>, message: string): void
}

interface Dependencies {
  outbox: AuditOutbox
  trail: AuditTrail
  /** The waits after failures, in milliseconds; a new one after each success. */
  backoff(reconnecting: boolean): { next(): number }
  log: RelayLog
  /** Told how many events have reached the trail. */
  onRelayed(count: number): void
}

const BATCH = 500
/** How long an event waits at most when nobody has said that it is there. */
const POLL_MS = 1000
/** Lets events that come in together travel together. */
const GATHER_MS = 20

/**
 * Carries events from the outbox to the trail until the signal, then finishes the batch in hand. Many may run at once,
 * in as many processes: each takes events that no other one has. An event leaves the outbox only when the trail has it
 * for good, and is recognised there when a crash in between brings it again.
 */
export async function runRelay({ outbox, trail, backoff, log, onRelayed }: Dependencies, signal: AbortSignal) {
  let news = false
  let wake: () => void = () => {}
  const listening = outbox.listen(() => {
    news = true
    wake()
  }, signal)
  const pause = (ms: number) =>
    new Promise<void>((resolve) => {
      const done = () => {
        clearTimeout(timer)
        signal.removeEventListener('abort', done)
        wake = () => {}
        resolve()
      }
      const timer = setTimeout(done, ms)
      signal.addEventListener('abort', done)
      wake = done
      if (signal.aborted) done()
    })

  const deliver = async (events: readonly AuditEvent[]) => {
    await trail.append(events)
    for (const { id, type, correlationId } of events) {
      log.debug({ correlationId, eventId: id, type }, 'Audit event relayed')
    }
  }

  let waits = backoff(false)
  let attempt = 0
  while (!signal.aborted) {
    try {
      news = false
      const count = await outbox.handOver(BATCH, deliver)
      if (attempt > 0) log.info({ attempt }, 'Audit relay recovered')
      attempt = 0
      waits = backoff(true)
      if (count > 0) onRelayed(count)
      if (count === BATCH) continue
      // Events may have come in while others were under way.
      if (!news) await pause(POLL_MS)
      await patience(GATHER_MS)
    } catch (err) {
      attempt += 1
      const waitMs = waits.next()
      if (attempt === 1) log.error({ err }, 'Audit relay failed')
      log.info({ dependency: 'audit-trail', attempt, waitMs }, 'Audit relay retry')
      await patience(waitMs)
    }
  }
  await listening

  // A failed attempt is not repeated just because another event came in.
  async function patience(ms: number): Promise<void> {
    const until = Date.now() + ms
    while (!signal.aborted && Date.now() < until) await pause(until - Date.now())
  }
}
