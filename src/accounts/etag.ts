import { validationError } from '#src/errors'
import type { User } from './user.ts'

// RFC 9110, 8.8.3: entity-tag = [ weak ] opaque-tag; a list may hold empty elements (5.6.1.2)
const entityTag = /^(W\/)?"([\x21\x23-\x7e\x80-\xff]*)"$/

/**
 * The strong `ETag` of a user. The id is part of it: `/users/me` is one URL for every user, and a validator that two of
 * them share would let one be answered from the other's cached copy.
 */
export function userEtag(user: Pick<User, 'id' | 'version'>): string {
  return `"${user.id}.${user.version}"`
}

/** The tags of an `If-Match` or `If-None-Match` list, or `null` where it is malformed. */
function parseTags(header: string): { weak: boolean; tag: string }[] | null {
  const tags: { weak: boolean; tag: string }[] = []
  for (const element of header.match(/(?:[^,"]|"[^"]*"?)+/g) ?? []) {
    const trimmed = element.trim()
    if (trimmed === '') continue
    const match = entityTag.exec(trimmed)
    if (match === null) return null
    tags.push({ weak: match[1] !== undefined, tag: match[2] ?? '' })
  }
  return tags.length === 0 ? null : tags
}

/**
 * The versions that an `If-Match` header accepts (strong comparison: a weak tag matches nothing).
 * @returns `null` when any version will do
 * @throws AppError `ValidationError` when the header is malformed
 */
export function matchedVersions(header: string | undefined, userId: string): number[] | null {
  if (header === undefined || header.trim() === '*') return null
  const tags = parseTags(header)
  if (tags === null) throw validationError('/if-match', 'format', 'must be *, or a list of entity tags')
  return tags.flatMap(({ weak, tag }) => {
    const version = tag.startsWith(`${userId}.`) ? tag.slice(userId.length + 1) : ''
    return !weak && /^[1-9][0-9]{0,9}$/.test(version) && Number(version) <= 2 ** 31 - 1 ? [Number(version)] : []
  })
}

/** Whether an `If-None-Match` header (weak comparison) says that the caller has this state. Malformed headers do not. */
export function isNotModified(header: string | undefined, user: Pick<User, 'id' | 'version'>): boolean {
  if (header === undefined) return false
  if (header.trim() === '*') return true
  const current = userEtag(user).slice(1, -1)
  return parseTags(header)?.some(({ tag }) => tag === current) ?? false
}
