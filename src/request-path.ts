const origin = /^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i

/** The path of a request target without its query, which may hold what must not be logged or echoed. */
export function requestPath(target: string): string {
  // A client that takes us for a proxy sends the absolute form (RFC 9112, section 3.2.2).
  const local = target.startsWith('/') ? target : target.replace(origin, '')
  const end = local.search(/[?#]/)
  return end === -1 ? local : local.slice(0, end)
}
