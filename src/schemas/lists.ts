import { type TSchema, Type } from '@sinclair/typebox'
import { type AuditEventType, auditEventTypes } from '#src/audit'

const DEFAULT_LIMIT = '50'
const cursorExample = 'AZey9ItPfF2eEBorPE1eb53U5GEmjIA09chWThVcZ6Y'

/** The query of every list: a page size from 1 to 100, in plain decimal digits, and where to go on. */
const pageQuery = {
  limit: Type.Optional(
    Type.String({
      pattern: '^(?:[1-9][0-9]?|100)$',
      default: DEFAULT_LIMIT,
      description: 'Items per page, 1 to 100',
      examples: ['20'],
    }),
  ),
  cursor: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 200,
      description: '`nextCursor` of the page before',
      examples: [cursorExample],
    }),
  ),
}

export const PageQuery = Type.Object(pageQuery, { additionalProperties: false })

/** The query of the activity list. */
export const ActivityQuery = Type.Object(
  {
    ...pageQuery,
    type: Type.Optional(
      Type.Unsafe<AuditEventType>({
        type: 'string',
        enum: [...auditEventTypes],
        description: 'Only events of this type',
        examples: ['login'],
      }),
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
