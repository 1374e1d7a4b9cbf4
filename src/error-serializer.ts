import { redactText } from './redaction.ts'

/** An error as the log shows it. Drivers hang rows, statements and parameters on their errors: those stay out. */
export type LoggedError = {
  type: string
  message: string
  stack: string
  code?: string | number
  /** The constraint of the database that was violated. */
  constraint?: string
  cause?: LoggedError
  errors?: LoggedError[]
}

/** Causes below causes that are shown; also the end of a chain that closes on itself. */
const MAX_DEPTH = 5
/** Parts of an AggregateError that are shown. */
const MAX_ERRORS = 5

/** The whitelisted parts of whatever was thrown, with connection strings and tokens taken out of the texts. */
export function serializeError(thrown: unknown, depth = MAX_DEPTH): LoggedError {
  if (!(thrown instanceof Error)) return { type: typeof thrown, message: redactText(describe(thrown)), stack: '' }

  const { code, constraint } = thrown as { code?: unknown; constraint?: unknown }
  const parts = thrown instanceof AggregateError ? thrown.errors.slice(0, MAX_ERRORS) : []
  return {
    type: typeOf(thrown),
    message: redactText(thrown.message),
    stack: redactText(thrown.stack ?? ''),
    ...((typeof code === 'string' || typeof code === 'number') && { code }),
    ...(typeof constraint === 'string' && { constraint }),
    ...(depth > 0 && thrown.cause !== undefined && { cause: serializeError(thrown.cause, depth - 1) }),
    ...(depth > 0 && parts.length > 0 && { errors: parts.map((part) => serializeError(part, depth - 1)) }),
  }
}

// pg calls every error "error"; its class says more.
function typeOf(error: Error): string {
  return error.name.toLowerCase() === 'error' ? error.constructor.name : error.name
}

// An object that is no error could hold anything.
function describe(thrown: unknown): string {
  return typeof thrown === 'object' && thrown !== null ? 'not an error' : String(thrown)
}
