/** Every error name a caller may see. Clients switch on these: a name is never renamed or reused. */
export const errorNames = [
  'ValidationError',
  'MalformedRequestError',
  'IdempotencyKeyError',
  'AuthenticationRequiredError',
  'InvalidTokenError',
  'InvalidCredentialsError',
  'InvalidRefreshTokenError',
  'RefreshTokenReusedError',
  'ForbiddenError',
  'AccountDisabledError',
  'NotFoundError',
  'MethodNotAllowedError',
  'RequestTimeoutError',
  'EmailTakenError',
  'IdempotencyConflictError',
  'GoneError',
  'PreconditionFailedError',
  'PayloadTooLargeError',
  'UriTooLongError',
  'UnsupportedMediaTypeError',
  'IdempotencyMismatchError',
  'RateLimitExceededError',
  'HeadersTooLargeError',
  'InternalServerError',
  'ServiceUnavailableError',
  'GatewayTimeoutError',
] as const

export type ErrorName = (typeof errorNames)[number]

/** One refused part of a request: where (JSON pointer), which rule, and why in words. */
export interface ErrorItem {
  pointer: string
  code: string
  message: string
}

interface AppErrorOptions {
  errors?: readonly ErrorItem[]
  /** Seconds after which a retry makes sense; 1 or more. */
  retryAfterSeconds?: number
  cause?: unknown
}

/**
 * An error that may be shown to the caller: its message and items are public.
 * Anything else that is thrown reaches the caller as `InternalServerError` with a fixed message.
 */
export class AppError extends Error {
  override readonly name: ErrorName
  readonly errors: readonly ErrorItem[]
  readonly retryAfterSeconds: number | undefined

  constructor(name: ErrorName, message: string, options: AppErrorOptions = {}) {
    super(message, { cause: options.cause })
    this.name = name
    this.errors = options.errors ?? []
    this.retryAfterSeconds = options.retryAfterSeconds
  }
}

/** `ValidationError` for a rule that a schema can not express. */
export function validationError(pointer: string, code: string, message: string): AppError {
  return new AppError('ValidationError', 'Validation failed', { errors: [{ pointer, code, message }] })
}

/** `ServiceUnavailableError`: a store is down or slow, or a bounded queue is full. */
export function unavailable(message: string, cause?: unknown, retryAfterSeconds = 1): AppError {
  return new AppError('ServiceUnavailableError', message, { cause, retryAfterSeconds })
}
