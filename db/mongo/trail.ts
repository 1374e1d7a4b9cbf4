import { type Collection, type Db, type Filter, MongoBulkWriteError, MongoError, MongoServerError, UUID } from 'mongodb'
import type { AuditEvent, AuditTrail, TrailPage } from '#src/audit'
import { unavailable } from '#src/errors'

interface EventDocument extends Omit<AuditEvent, 'id' | 'userId' | 'sessionId'> {
  _id: UUID
  userId: UUID | null
  sessionId: UUID | null
}

const COLLECTION = 'audit_events'
const RETENTION_INDEX = 'retention'
const DAY_SECONDS = 24 * 60 * 60
const READ_ATTEMPTS = 3
const DUPLICATE_KEY = 11000
// IndexOptionsConflict, IndexKeySpecsConflict: which of the two depends on the server.
const INDEX_CONFLICTS: readonly unknown[] = [85, 86]

/**
 * The audit trail in MongoDB. An event's id is its `_id`, so that one which arrives again changes nothing.
 * @param retentionDays after which an event is removed
 */
export function createMongoTrail(db: Db, retentionDays: number) {
  // Acknowledged means: in the journal of a majority. Less was seen to lose acknowledged events when a server dies.
  const events = db.collection<EventDocument>(COLLECTION, { writeConcern: { w: 'majority', j: true } })
  let prepared: Promise<void> | null = null

  const connected = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      await db.client.connect()
      prepared ??= ensureIndexes(db, events, retentionDays * DAY_SECONDS).catch((error: unknown) => {
        prepared = null
        throw error
      })
      await prepared
      return await work()
    } catch (error) {
      throw error instanceof MongoError ? unavailable('The audit trail is not available', error) : error
    }
  }

  return {
    async append(batch) {
      if (batch.length === 0) return
      await connected(async () => {
        try {
          await events.insertMany(batch.map(toDocument), { ordered: false })
        } catch (error) {
          if (!allThere(error, batch.length)) throw error
        }
      })
    },

    page(userId, { beforeId, type, limit }: TrailPage) {
      const filter: Filter<EventDocument> = {
        userId: new UUID(userId),
        ...(type === null ? {} : { type }),
        ...(beforeId === null ? {} : { _id: { $lt: new UUID(beforeId) } }),
      }
      return connected(() => retried(() => events.find(filter).sort({ _id: -1 }).limit(limit).map(toEvent).toArray()))
    },

    // The TTL index does it.
    async purge() {
      return 0
    },
  } satisfies AuditTrail
}

async function ensureIndexes(db: Db, events: Collection<EventDocument>, expireAfterSeconds: number): Promise<void> {
  await events.createIndexes([
    { key: { userId: 1, _id: -1 }, name: 'by_user' },
    { key: { userId: 1, type: 1, _id: -1 }, name: 'by_user_and_type' },
  ])
  try {
    await events.createIndex({ occurredAt: 1 }, { name: RETENTION_INDEX, expireAfterSeconds })
  } catch (error) {
    // The retention was configured anew.
    if (!(error instanceof MongoServerError) || !INDEX_CONFLICTS.includes(error.code)) throw error
    await db.command({ collMod: COLLECTION, index: { name: RETENTION_INDEX, expireAfterSeconds } })
  }
}

/**
 * Whether each event of a batch was either added or there before. The driver wraps whatever went wrong in the same
 * error, a server that is away too, so the events are counted.
 */
function allThere(error: unknown, count: number): boolean {
  if (!(error instanceof MongoBulkWriteError) || error.result.getWriteConcernError() !== undefined) return false
  const duplicates = [error.writeErrors].flat().filter(({ code }) => code === DUPLICATE_KEY)
  return error.insertedCount + duplicates.length === count
}

async function retried<T>(read: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await read()
    } catch (error) {
      const transient = error instanceof MongoError && error.hasErrorLabel('RetryableReadError')
      if (attempt === READ_ATTEMPTS || !transient) throw error
    }
  }
}

function toDocument({ id, userId, sessionId, ...rest }: AuditEvent): EventDocument {
  return {
    ...rest,
    _id: new UUID(id),
    userId: userId === null ? null : new UUID(userId),
    sessionId: sessionId === null ? null : new UUID(sessionId),
  }
}

function toEvent({ _id, userId, sessionId, ...rest }: EventDocument): AuditEvent {
  return {
    ...rest,
    id: _id.toString(),
    userId: userId?.toString() ?? null,
    sessionId: sessionId?.toString() ?? null,
  }
}
