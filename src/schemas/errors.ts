import { type Static, Type } from '@sinclair/typebox'
import { type ErrorItem, type ErrorName, errorNames } from '#src/errors'
import { correlationIdExample } from './headers.ts'

interface ErrorEntry {
  status: number
  /** When a caller gets it, in one sentence. */
  meaning: string
  /** What the envelope says in the documentation's example. */
  example: string
}

/** The status, meaning and example message of every error name. */
export const errorRegistry = {
  ValidationError: {
    status: 400,
    meaning: 'A schema or rule refuses a part of the request; data.errors lists which.',
    example: 'Validation failed',
  },
  MalformedRequestError: {
    status: 400,
    meaning: 'The request can not be parsed: JSON, percent-encoding or HTTP.',
    example: 'The request body is not valid JSON',
  },
  IdempotencyKeyError: {
    status: 400,
    meaning: 'The Idempotency-Key header is not 1 to 128 visible characters.',
    example: 'The Idempotency-Key header must be 1 to 128 visible characters',
  },
  AuthenticationRequiredError: {
    status: 401,
    meaning: 'The endpoint needs an access token and none was sent.',
    example: 'An access token is required',
  },
  InvalidTokenError: {
    status: 401,
    meaning: 'The access token is malformed, expired or revoked.',
    example: 'The access token is invalid or expired',
  },
  InvalidCredentialsError: {
    status: 401,
    meaning: 'The e-mail address or password is wrong.',
    example: 'The e-mail address or password is wrong',
  },
  InvalidRefreshTokenError: {
    status: 401,
    meaning: 'The refresh token is not that of a live session.',
    example: 'The refresh token is invalid or expired',
  },
  RefreshTokenReusedError: {
    status: 401,
    meaning: 'A replaced refresh token came back: the session was revoked.',
    example: 'The refresh token was used before; its session is revoked',
  },
  ForbiddenError: { status: 403, meaning: 'The caller may not do this.', example: 'Not allowed' },
  AccountDisabledError: {
    status: 403,
    meaning: 'The password is right, but the account is disabled.',
    example: 'The account is disabled',
  },
  NotFoundError: { status: 404, meaning: 'Nothing is there, or nothing the caller may see.', example: 'Not found' },
  MethodNotAllowedError: {
    status: 405,
    meaning: 'The path exists, but not for this method; Allow lists what works.',
    example: 'Method not allowed',
  },
  RequestTimeoutError: {
    status: 408,
    meaning: 'The request did not arrive in time.',
    example: 'The request did not arrive in time',
  },
  EmailTakenError: {
    status: 409,
    meaning: 'Another account has this e-mail address.',
    example: 'An account with this e-mail address exists',
  },
  IdempotencyConflictError: {
    status: 409,
    meaning: 'The first request with this Idempotency-Key is still running.',
    example: 'The first request with this Idempotency-Key is still running',
  },
  GoneError: {
    status: 410,
    meaning: 'This version of the API is past its sunset.',
    example: 'This version of the API is gone',
  },
  PreconditionFailedError: {
    status: 412,
    meaning: 'If-Match names another state of the resource.',
    example: 'The resource has changed',
  },
  PayloadTooLargeError: {
    status: 413,
    meaning: 'The request body is larger than the service takes.',
    example: 'The request body is too large',
  },
  UriTooLongError: {
    status: 414,
    meaning: 'The URL, or a part of it, is longer than the service takes.',
    example: 'The URL is too long',
  },
  UnsupportedMediaTypeError: {
    status: 415,
    meaning: 'The body is not application/json.',
    example: 'The body must be application/json',
  },
  IdempotencyMismatchError: {
    status: 422,
    meaning: 'The Idempotency-Key was used for another request.',
    example: 'The Idempotency-Key was used for another request',
  },
  RateLimitExceededError: {
    status: 429,
    meaning: 'A rate limit is used up; Retry-After says when to come back.',
    example: 'Too many requests',
  },
  HeadersTooLargeError: {
    status: 431,
    meaning: 'The headers are larger than the service takes.',
    example: 'The request headers are too large',
  },
  InternalServerError: {
    status: 500,
    meaning: 'A fault of the service; the correlation id finds it in the logs.',
    example: 'Internal server error',
  },
  ServiceUnavailableError: {
    status: 503,
    meaning: 'A store is down or slow, or the service is overloaded; Retry-After says when to come back.',
    example: 'The service is temporarily unavailable',
  },
  GatewayTimeoutError: { status: 504, meaning: 'The handler outlived its time.', example: 'The request took too long' },
} as const satisfies Record<ErrorName, ErrorEntry>

const RefusedPart = Type.Object(
  {
    pointer: Type.String({ description: 'JSON pointer to the refused part' }),
    code: Type.String({ description: 'The rule that refused it' }),
    message: Type.String(),
  },
  { additionalProperties: false },
)

/** The one shape of every error, from every layer. */
export const ErrorEnvelope = Type.Object(
  {
    success: Type.Literal(false),
    statusCode: Type.Integer({ minimum: 400, maximum: 599 }),
    name: Type.Unsafe<ErrorName>({ type: 'string', enum: [...errorNames] }),
    message: Type.String(),
    correlationId: Type.String(),
    timestamp: Type.String({ format: 'date-time' }),
    path: Type.String({ description: 'The path without its query; empty where no request line could be read' }),
    data: Type.Object({ errors: Type.Array(RefusedPart) }, { additionalProperties: false }),
  },
  { $id: 'ErrorEnvelope', additionalProperties: false },
)
export type ErrorEnvelope = Static<typeof ErrorEnvelope>

/** One line of the registry that `GET /api/v1/errors` lists. */
export const ErrorDescription = Type.Object(
  {
    name: Type.Unsafe<ErrorName>({ type: 'string', enum: [...errorNames] }),
    status: Type.Integer(),
    meaning: Type.String(),
  },
  { $id: 'ErrorDescription', additionalProperties: false },
)
export type ErrorDescription = Static<typeof ErrorDescription>

// Said of bytes that no request could be read from, so that there is no path.
const withoutPath: readonly ErrorName[] = ['UriTooLongError', 'HeadersTooLargeError']

interface ExampleDetails {
  message?: string
  errors?: ErrorItem[]
}

/** An example envelope, as the documentation shows it. `path` is that of the operation. */
export function errorExample(
  name: ErrorName,
  path: string,
  { message = errorRegistry[name].example, errors = [] }: ExampleDetails = {},
): ErrorEnvelope {
  return {
    success: false,
    statusCode: errorRegistry[name].status,
    name,
    message,
    correlationId: correlationIdExample,
    timestamp: '2026-01-15T10:30:00.000Z',
    path: withoutPath.includes(name) ? '' : path,
    data: { errors },
  }
}

/** The whole registry, as `GET /api/v1/errors` lists it. */
export const errorDescriptions: ErrorDescription[] = errorNames.map((name) => ({
  name,
  status: errorRegistry[name].status,
  meaning: errorRegistry[name].meaning,
}))
