/** Why a request was turned away before it reached a route. */
export const refusalReasons = [
  'bad_url',
  'url_too_long',
  'malformed_http',
  'request_timeout',
  'headers_too_large',
] as const

export type RefusalReason = (typeof refusalReasons)[number]
