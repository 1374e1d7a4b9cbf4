import { randomInt, randomUUIDv7 } from 'node:crypto'

const TIME_LENGTH = '01234567-89ab'.length
const MAX_SEQUENCE = 0xfff
let lastTime = ''
let sequence = 0

/**
 * A new UUIDv7 (RFC 9562): ids made later sort later, so that an index on them grows at its end. Within a millisecond
 * the ids of this process are counted (section 6.2, method 1), so that events keep their order.
 */
export function newId(): string {
  let id = randomUUIDv7()
  while (sequence === MAX_SEQUENCE && id.slice(0, TIME_LENGTH) <= lastTime) id = randomUUIDv7()
  if (id.slice(0, TIME_LENGTH) > lastTime) {
    lastTime = id.slice(0, TIME_LENGTH)
    sequence = randomInt(MAX_SEQUENCE >> 1)
  } else {
    sequence += 1
  }
  return `${lastTime}-7${sequence.toString(16).padStart(3, '0')}${id.slice(18)}`
}

/** The text form of a UUID (RFC 9562). */
export function uuidOf(bytes: Buffer): string {
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}
