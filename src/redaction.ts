/** A URL in a text: its scheme, and what a user name, a password or an option may be in. */
const url = /\b([a-z][a-z0-9+.-]*):\/\/([^\s"'`<>]*)/gi
const storeScheme = /^(postgres(ql)?|rediss?|mongodb(\+srv)?)$/i

// What else a driver or a proxy may quote in a message.
const secrets: readonly [RegExp, string][] = [
  [/\b(Bearer|Basic)\s+[\w~+/.-]+=*/gi, '$1 [redacted]'],
  [/\beyJ[\w-]+\.[\w-]+\.[\w-]*/g, '[redacted]'],
  // MongoDB names the values of a duplicate key.
  [/\bdup key: .*/g, 'dup key: [redacted]'],
]

/** A text for the log: no connection string, no credentials in a URL, no token. */
export function redactText(text: string): string {
  const withoutUrls = text.replace(url, (whole: string, scheme: string, rest: string) => {
    if (storeScheme.test(scheme)) return `${scheme}://[redacted]`
    return rest.includes('@') ? redactUrl(whole) : whole
  })
  return secrets.reduce((result, [pattern, replacement]) => result.replace(pattern, replacement), withoutUrls)
}

/** A URL without user, password and options, so that the host can be shown to the operator. */
export function redactUrl(text: string): string {
  return text.replace(/:\/\/.*@/s, '://[redacted]@').replace(/\?.*/s, '?[redacted]')
}
