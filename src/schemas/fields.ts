import { Type } from '@sinclair/typebox'

/** A point in time, as every answer writes it (RFC 3339, UTC). */
export const Timestamp = Type.String({ format: 'date-time' })

/** A UUID in lower case. */
export const Id = Type.String({ format: 'uuid' })

/** An id that may be missing. */
export const NullableId = Type.Unsafe<string | null>({ type: ['string', 'null'], format: 'uuid' })

/** Text that is shown to people. */
export const text = (maxLength: number, minLength = 1) => Type.String({ minLength, maxLength, format: 'text' })

/** Text that may be missing: `null`, never absent. */
export const NullableText = Type.Unsafe<string | null>({ type: ['string', 'null'] })

/** An address as typed; the length leaves room for outer spaces. It names a person, so that no log shows it. */
export const EmailAddress = Type.String({ format: 'email', maxLength: 320, 'x-secret': true })

/** A password: any characters, counted as code points. Its lower limit is a matter of configuration. */
export const Password = Type.String({ minLength: 1, maxLength: 128, format: 'text', 'x-secret': true })
