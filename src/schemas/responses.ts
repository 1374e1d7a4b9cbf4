import { type TSchema, Type } from '@sinclair/typebox'

/** A reference to a schema that the app knows under its `$id`: in the document it appears once. */
export function ref<T extends TSchema>(schema: T): T {
  if (schema.$id === undefined) throw new TypeError('only a schema with an $id can be referred to')
  return Type.Unsafe(Type.Ref(schema.$id)) as unknown as T
}

/** Headers that an answer always has, for the document. */
type AnswerHeaders = Record<string, { description: string; type: 'string' | 'integer'; examples: readonly unknown[] }>

/** A modelled answer: what it means, its shape and an example. */
export function answer<T extends TSchema>(
  description: string,
  schema: T,
  example: unknown,
  headers: AnswerHeaders = {},
) {
  return {
    description,
    headers,
    content: { 'application/json': { schema, examples: { example: { value: example } } } },
  }
}

/** An answer without a body. */
export function emptyAnswer(description: string, headers: AnswerHeaders = {}) {
  return Type.Null({ description, headers })
}
