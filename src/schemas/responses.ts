import { type TSchema, Type } from '@sinclair/typebox'
import type { ErrorName } from '#src/errors'
import { ErrorEnvelope, errorExample, errorRegistry } from './errors.ts'

/** A reference to a schema that the app knows under its `$id`: in the document it appears once. */
export function ref<T extends TSchema>(schema: T): T {
  if (schema.$id === undefined) throw new TypeError('only a schema with an $id can be referred to')
  return Type.Unsafe(Type.Ref(schema.$id)) as unknown as T
}

/** Headers of an answer, for the document. */
type AnswerHeaders = Record<string, { description: string; type: 'string' | 'integer' }>

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
export function emptyAnswer(description: string) {
  return Type.Null({ description })
}

// What every operation can answer, whatever it does.
const everywhere = [
  'MalformedRequestError',
  'RequestTimeoutError',
  'RateLimitExceededError',
  'HeadersTooLargeError',
  'InternalServerError',
  'ServiceUnavailableError',
  'GatewayTimeoutError',
] as const satisfies readonly ErrorName[]
const withBody = [
  'ValidationError',
  'PayloadTooLargeError',
  'UnsupportedMediaTypeError',
] as const satisfies readonly ErrorName[]
const withToken = ['AuthenticationRequiredError', 'InvalidTokenError'] as const satisfies readonly ErrorName[]

// A probe is not limited, needs no store, and says 503 in its own words.
const probes = [
  'MalformedRequestError',
  'RequestTimeoutError',
  'HeadersTooLargeError',
  'InternalServerError',
] as const satisfies readonly ErrorName[]

/** Names of errors that go together. */
export const errorsOf = { everywhere, withBody, withToken, probes }

/** The models of the errors that an operation at `path` can answer, by status, each with an example per name. */
export function errorAnswers(path: string, names: readonly ErrorName[]) {
  const byStatus = Object.groupBy(new Set(names), (name) => errorRegistry[name].status)
  return Object.fromEntries(
    Object.entries(byStatus).map(([status, group = []]) => [
      status,
      {
        description: group.map((name) => `${name}: ${errorRegistry[name].meaning}`).join(' '),
        content: {
          'application/json': {
            schema: ref(ErrorEnvelope),
            examples: Object.fromEntries(group.map((name) => [name, { value: errorExample(name, path) }])),
          },
        },
      },
    ]),
    // Handlers throw errors, they never send them: as types, these models are not there.
  ) as Record<never, never>
}
