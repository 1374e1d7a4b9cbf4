import { randomUUIDv7 } from 'node:crypto'

/** A new UUIDv7 (RFC 9562): ids made later sort later, so that an index on them grows at its end. */
export function newId(): string {
  return randomUUIDv7()
}
