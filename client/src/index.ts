import createClient from 'openapi-fetch'
import { refreshing, type TokenStorage } from './refreshing.ts'
import type { components, paths } from './schema.ts'

export { memoryTokens, type TokenStorage } from './refreshing.ts'
export type { components, operations, paths } from './schema.ts'

/** The body of every error: switch on its `name`. */
export type ErrorEnvelope = components['schemas']['ErrorEnvelope']

interface GatehouseOptions {
  /** Where the service is, such as `https://accounts.example.com`. */
  baseUrl: string
  /** Where the tokens of the session are kept; write there what login answers. */
  tokens: TokenStorage
  /** What sends the requests; the global `fetch` if left out. */
  fetch?: (request: Request) => Promise<Response>
}

/**
 * A typed client of the service. It sends the access token of `tokens` along, and replaces an expired one: once, however
 * many calls are waiting for it. When the session has ended, the storage is emptied and the calls get the answer that
 * says why (`InvalidRefreshTokenError`, `RefreshTokenReusedError`).
 */
export function createGatehouse({ baseUrl, tokens, fetch = globalThis.fetch }: GatehouseOptions) {
  const refreshUrl = `${baseUrl.replace(/\/+$/, '')}/api/v1/auth/refresh`
  return createClient<paths>({ baseUrl, fetch: refreshing({ fetch, refreshUrl, tokens }) })
}
