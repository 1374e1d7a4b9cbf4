import { type AuditEventType, auditEventTypes } from '#src/audit'
import { type TSchema, Type } from '@sinclair/typebox'

const DEFAULT_LIMIT = '50'

/** The query of every list: a page size from 1 to 100, in plain decimal digits, and where to go on. */
const pageQuery = {
  limit: Type.Optional(
    Type.String({ pattern: '^(?:[1-9][0-9]?|100)$', default: DEFAULT_LIMIT, description: 'Items per page, 1 to 100' }),
  ),
  cursor: Type.Optional(Type.String({ minLength: 1, maxLength: 200, description: 'nextCursor of the page before' })),
}

export const PageQuery = Type.Object(pageQuery, { additionalProperties: false })

/** The query of the activity list. */
export const ActivityQuery = Type.Object(
  {
    ...pageQuery,
    type: Type.Optional(
      Type.Unsafe<AuditEventType>({ type: 'string', enum: [...auditEventTypes], description: 'Only events of this type' }),
    ),
  },
  { additionalProperties: false },
)

/** A page of a list: its items, and the cursor of the next page or `null`. */
export function PageOf<T extends TSchema>(item: T) {
  return Type.Object(
    {
      items: Type.Array(item),
      nextCursor: Type.Union([Type.String(), Type.Null()], { description: 'Opaque; null on the last page' }),
    },
    { additionalProperties: false },
  )
}
