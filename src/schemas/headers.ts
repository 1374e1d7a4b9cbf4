import { Type } from '@sinclair/typebox'

// Neither has a pattern: the service itself says what is wrong with a value, under a name of its own.

/** `If-Match` of a conditional change (RFC 9110, 13.1.1). */
export const IfMatchHeader = Type.Object({
  'if-match': Type.Optional(
    Type.String({ description: 'Change only this state: an ETag, a list of them, or *', examples: ['*'] }),
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
