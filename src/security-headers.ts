/**
 * The headers of every answer, whoever writes it (OWASP REST Security Cheat Sheet and Secure Headers Project).
 * An answer of the API is data for one caller: never framed, sniffed, stored or rendered. A route that serves pages
 * replaces what does not fit it.
 */
export const securityHeaders = Object.freeze({
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'strict-transport-security': 'max-age=31536000; includeSubDomains',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
})
