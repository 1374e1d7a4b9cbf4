import type { ErrorItem, ErrorName } from '#src/errors'
import { ErrorEnvelope, errorExample, errorRegistry } from './errors.ts'
import { ref } from './responses.ts'

interface Schema {
  properties?: Record<string, { examples?: readonly unknown[] }>
}

/** What decides which errors a route can answer. */
interface Operation {
  url: string
  method: string
  /** Whether a rate limit applies. A probe has none, needs no store, and says 503 in its own words. */
  limited: boolean
  security: readonly Record<string, unknown>[]
  body?: Schema
  querystring?: Schema
  params?: Schema
  /** What the use case can answer beyond the rest. */
  errors: readonly ErrorName[]
}

/** Errors that say the same whatever the operation is. */
export const sharedErrors = [
  'RequestTimeoutError',
  'PayloadTooLargeError',
  'UriTooLongError',
  'UnsupportedMediaTypeError',
  'RateLimitExceededError',
  'HeadersTooLargeError',
  'InternalServerError',
  'ServiceUnavailableError',
  'GatewayTimeoutError',
] as const satisfies readonly ErrorName[]

const anyPath = '/api/v1/auth/register'

/** The models of the errors that a route can answer, by status, each with an example per name. */
export function errorAnswers(operation: Operation) {
  const byStatus = Object.groupBy(new Set(errorNamesOf(operation)), (name) => errorRegistry[name].status)
  return Object.fromEntries(
    Object.entries(byStatus).map(([status, group = []]) => [
      status,
      {
        description: group.map((name) => `\`${name}\`: ${errorRegistry[name].meaning}`).join(' '),
        content: {
          'application/json': {
            schema: ref(ErrorEnvelope),
            examples: Object.fromEntries(group.map((name) => [name, { value: exampleOf(name, operation) }])),
          },
        },
      },
    ]),
  )
}

function errorNamesOf({ method, limited, security, body, querystring, params, errors }: Operation): ErrorName[] {
  const names: ErrorName[] = ['MalformedRequestError', 'RequestTimeoutError', 'UriTooLongError', 'HeadersTooLargeError']
  if (body || querystring || params) names.push('ValidationError')
  // A body is read wherever the method allows one, also where none is wanted.
  if (method !== 'GET') names.push('PayloadTooLargeError', 'UnsupportedMediaTypeError')
  if (security.some((needed) => Object.keys(needed).length > 0)) {
    names.push('AuthenticationRequiredError', 'InvalidTokenError')
  }
  if (limited) names.push('RateLimitExceededError', 'ServiceUnavailableError', 'GatewayTimeoutError')
  return [...names, ...errors, 'InternalServerError']
}

// As the service would answer this operation.
function exampleOf(name: ErrorName, { url, params, body }: Operation): ErrorEnvelope {
  if ((sharedErrors as readonly ErrorName[]).includes(name)) return errorExample(name, anyPath)
  const path = url.replace(/:(\w+)/g, (_, field: string) => String(params?.properties?.[field]?.examples?.[0]))
  if (name === 'ValidationError') return errorExample(name, path, { errors: [refusedPart(params, body)] })
  if (name === 'MalformedRequestError' && !body)
    return errorExample(name, path, { message: 'The Host header is missing' })
  return errorExample(name, path)
}

function refusedPart(params: Schema | undefined, body: Schema | undefined): ErrorItem {
  const [param] = Object.keys(params?.properties ?? {})
  if (param) return { pointer: `/${param}`, code: 'format', message: 'must be a UUID' }
  if (body?.properties?.email) return { pointer: '/email', code: 'format', message: 'must be an e-mail address' }
  return { pointer: '/nickname', code: 'additionalProperties', message: 'is not a known field' }
}
