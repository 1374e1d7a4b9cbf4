import { AppError, unavailable } from '#src/errors'

/**
 * SQLSTATEs of a server that is down, starting, stopping, full or slow, or of a lock that could not be had in time
 * (PostgreSQL, appendix A): connection exceptions, insufficient resources, operator intervention, lock_not_available,
 * idle_in_transaction_session_timeout, and the two that a retry may cure. Also undefined_table and undefined_column, since
 * our statements are fixed: the schema is not that of this release, as before its migrations are through.
 */
const unavailableState = /^(08...|53...|57P0.|57014|55P03|25P03|40P01|40001|42P01|42703)$/

/** `pg` reports these with a message only: no code, no severity. */
const connectionLost =
  /^(timeout expired|timeout exceeded when trying to connect|Query read timeout|Connection terminated|Client (has encountered a connection error|was closed) and is not queryable|Cannot use a pool after calling end|There was an error establishing an SSL connection|Postgres connection has been discarded)/

const networkCodes = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
])

interface DriverError extends Error {
  code?: unknown
  severity?: unknown
}

function stateOf(error: unknown): string | undefined {
  const { code } = error instanceof Error ? (error as DriverError) : {}
  return typeof code === 'string' ? code : undefined
}

/** Whether the server itself refused the statement, so that the connection is still in step with it. */
export function isServerError(error: unknown): boolean {
  return error instanceof Error && (error as DriverError).severity !== undefined
}

/** Whether a table was changed since the connection planned the statement (0A000); another connection plans anew. */
export function isStalePlan(error: unknown): boolean {
  return stateOf(error) === '0A000' && (error as Error).message.startsWith('cached plan')
}

/** Whether the database is down, out of reach, too slow or not migrated: the same statement may succeed later. */
function isUnavailable(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const code = stateOf(error)
  if (isServerError(error)) return (code !== undefined && unavailableState.test(code)) || isStalePlan(error)
  return (code !== undefined && networkCodes.has(code)) || connectionLost.test(error.message)
}

/** `ServiceUnavailableError`, with the driver's error as its cause, where `isUnavailable`; else the error as it is. */
export function toAppError(error: unknown): unknown {
  return isUnavailable(error) ? unavailable('The database is not available', error) : error
}

/** Whether the transaction lost against another one (serialization_failure, deadlock_detected) and may be repeated. */
export function isTransient(error: unknown): boolean {
  const state = stateOf(error instanceof AppError ? error.cause : error)
  return state === '40001' || state === '40P01'
}

/** Whether a unique constraint refused the row. */
export function isUniqueViolation(error: unknown): boolean {
  return stateOf(error) === '23505'
}
