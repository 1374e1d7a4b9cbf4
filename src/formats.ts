const label = String.raw`[\p{L}\p{N}](?:[\p{L}\p{M}\p{N}-]{0,61}[\p{L}\p{M}\p{N}])?`
const atom = String.raw`[^\s.@"(),:;<>\[\]\\\p{Cc}\p{Cs}]+`
const address = new RegExp(String.raw`^${atom}(?:\.${atom})*@(?:${label}\.)+${label}$`, 'u')
const uuid = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i

/**
 * An e-mail address, outer spaces allowed, 254 characters at most (RFC 5321, section 4.5.3.1, erratum 1690). International
 * addresses (RFC 6531) pass; quoted local parts and address literals, which no mail provider hands out, do not.
 */
function isEmail(value: string): boolean {
  const trimmed = value.trim()
  return trimmed.length <= 254 && trimmed.indexOf('@') <= 64 && address.test(trimmed)
}

/** Text that PostgreSQL stores as it is: it refuses NUL, and an unpaired surrogate has no UTF-8 form. */
function isText(value: string): boolean {
  return !value.includes('\0') && value.isWellFormed()
}

/** The checks behind `format` in our schemas, by name. Each runs in linear time. */
export const formats = {
  email: isEmail,
  text: isText,
  uuid: (value: string) => uuid.test(value),
}
