import type { Cursors } from '#src/cursors'
import { type Page, pageOf } from '#src/pages'
import type { AuditEvent, AuditEventType } from './events.ts'
import type { AuditTrail } from './trail.ts'

export interface AuditReader {
  /**
   * A page of a user's events, newest first.
   * @param query `cursor` is `nextCursor` of the page before; `type` keeps only events of one type
   * @throws AppError `ValidationError` when the cursor is not from this list, `ServiceUnavailableError`
   */
  activity(
    userId: string,
    query: { limit: number; cursor?: string | undefined; type?: AuditEventType | undefined },
  ): Promise<Page<AuditEvent>>
}

/** Reads the trail for the owners of accounts. */
export function createAuditReader(trail: Pick<AuditTrail, 'page'>, cursors: Cursors): AuditReader {
  return {
    activity(userId, { type, ...query }) {
      const list = `activity ${userId} ${type ?? 'all'}`
      return pageOf(cursors, list, query, (beforeId, limit) =>
        trail.page(userId, { beforeId, type: type ?? null, limit }),
      )
    },
  }
}
