import { Type } from '@sinclair/typebox'

// None has a pattern: the service itself says what is wrong with a value, under a name of its own, or ignores it.

const etagExample = '"0197b2f4-7d10-7a3e-8f21-5b6c7d8e9f01.1"'

/** `If-Match` of a conditional change (RFC 9110, 13.1.1). */
export const IfMatchHeader = Type.Object({
  'if-match': Type.Optional(
    Type.String({ description: 'Change only this state: an ETag, a list of them, or `*`', examples: ['*'] }),
  ),
})

/** `If-None-Match` of a conditional read (RFC 9110, 13.1.2). */
export const IfNoneMatchHeader = Type.Object({
  'if-none-match': Type.Optional(
    Type.String({
      description: 'Answer 304 if this is still the state: an ETag, a list of them, or `*`. Anything else is ignored.',
      examples: [etagExample],
    }),
  ),
})

/** `Idempotency-Key` of a request that may be sent again. */
export const IdempotencyHeader = Type.Object({
  'idempotency-key': Type.Optional(
    Type.String({
      description: '1 to 128 visible characters, kept for 24 hours: a repetition gets the first answer again',
      examples: ['8e03978e-40d5-43e8-bc93-6894a57f9324'],
    }),
  ),
})

/** `ETag` of an answer. */
export const etagHeader = {
  ETag: { type: 'string', description: 'The strong validator of this state', examples: [etagExample] },
} as const

/** The correlation id of every example. */
export const correlationIdExample = '0197b2f4-8a0e-7c1d-9b57-3f2d5e6a7c80'

/** Request headers that every operation takes, as the document's components. */
export const commonParameters = {
  CorrelationId: {
    name: 'X-Correlation-Id',
    in: 'header',
    required: false,
    description: '1 to 128 letters, digits, `.`, `_` and `-`. Anything else is replaced by a new id.',
    schema: { type: 'string', examples: [correlationIdExample] },
  },
  TraceParent: {
    name: 'traceparent',
    in: 'header',
    required: false,
    description: "The caller's span (W3C Trace Context). What can not be read is ignored.",
    schema: { type: 'string', examples: ['00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'] },
  },
} as const

const text = (description: string, example: string, required = false) => ({
  description,
  required,
  schema: { type: 'string' },
  example,
})
const count = (description: string, example: number, required = false) => ({
  description,
  required,
  schema: { type: 'integer', minimum: 0 },
  example,
})

/** Response headers that more than one operation sends, as the document's components, under their own names. */
export const commonHeaders = {
  'X-Correlation-Id': text('Under what the request is in the logs', correlationIdExample, true),
  'WWW-Authenticate': text('The challenge (RFC 6750)', 'Bearer realm="gatehouse"', true),
  'Retry-After': count('Seconds after which a retry makes sense, at least 1', 37, true),
  'Idempotency-Replayed': text('`true` where this is the answer to an earlier request', 'true'),
  'RateLimit-Policy': text('The policies: requests (q) per seconds (w)', '"default";q=300;w=60'),
  RateLimit: text('What each policy has left (r), and seconds until it starts anew (t)', '"default";r=299;t=60'),
  'X-RateLimit-Limit': count('Requests of the policy that is nearest its end', 300),
  'X-RateLimit-Remaining': count('What it has left', 299),
  'X-RateLimit-Reset': count('Seconds until it starts anew', 60),
} as const
