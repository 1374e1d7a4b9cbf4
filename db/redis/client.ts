import { Redis } from 'ioredis'

// A limit must not wait for its counter: what is not there by then is counted in this process.
const COMMAND_TIMEOUT_MS = 200
const CONNECT_TIMEOUT_MS = 1000
// Silence on a connection with commands under way; without it, a connection to nowhere is kept for ever.
const SOCKET_TIMEOUT_MS = 1000

/**
 * A Redis client that fails fast: nothing is queued while the server is away and nothing is sent twice.
 * It connects when told to.
 * @param retryDelayMs the wait before the next attempt, by its number
 */
export function createRedis(url: string, retryDelayMs: (attempt: number) => number): Redis {
  return new Redis(url, {
    lazyConnect: true,
    connectTimeout: CONNECT_TIMEOUT_MS,
    commandTimeout: COMMAND_TIMEOUT_MS,
    socketTimeout: SOCKET_TIMEOUT_MS,
    maxRetriesPerRequest: 0,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    connectionName: 'gatehouse',
    retryStrategy: retryDelayMs,
  })
}
