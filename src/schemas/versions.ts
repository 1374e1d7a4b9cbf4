import { type Static, Type } from '@sinclair/typebox'

const moment = (description: string) =>
  Type.Unsafe<string | null>({ type: ['string', 'null'], format: 'date-time', description })

/** A version of the API, and what is known of its end. */
export const ApiVersion = Type.Object(
  {
    name: Type.String(),
    path: Type.String({ description: 'What the paths of the version begin with' }),
    status: Type.Unsafe<'current' | 'deprecated' | 'gone'>({ type: 'string', enum: ['current', 'deprecated', 'gone'] }),
    deprecatedSince: moment('From when on callers should move on'),
    sunsetOn: moment('From when on every answer is 410'),
    successor: Type.Unsafe<string | null>({ type: ['string', 'null'], description: 'The version to move to' }),
  },
  { $id: 'ApiVersion', additionalProperties: false },
)
export type ApiVersion = Static<typeof ApiVersion>

export const apiVersionExample: ApiVersion = {
  name: 'v1',
  path: '/api/v1',
  status: 'current',
  deprecatedSince: null,
  sunsetOn: null,
  successor: null,
}
