import { createHmac, timingSafeEqual } from 'node:crypto'
import { validationError } from '#src/errors'
import { uuidOf } from '#src/ids'

const ID_BYTES = 16
const MAC_BYTES = 16
const CURSOR_LENGTH = 43

/** Makes and reads the opaque cursors of lists that are sorted by id. */
export interface Cursors {
  /** @param list what the cursor is good for: the list, its owner and its filter */
  issue(list: string, lastId: string): string
  /** @throws AppError `ValidationError` when the cursor is not one of this list */
  read(list: string, cursor: string): string
}

/**
 * A cursor is the last id of a page with an HMAC over it and the list: an altered one, or that of another list, is refused.
 * @param keys the first one signs; all are accepted
 */
export function createCursors(keys: readonly [Buffer, ...Buffer[]]): Cursors {
  const mac = (key: Buffer, list: string, id: Buffer) =>
    createHmac('sha256', key).update(`${list}\n`).update(id).digest().subarray(0, MAC_BYTES)
  return {
    issue(list, lastId) {
      const id = Buffer.from(lastId.replaceAll('-', ''), 'hex')
      return Buffer.concat([id, mac(keys[0], list, id)]).toString('base64url')
    },
    read(list, cursor) {
      const bytes = Buffer.from(cursor, 'base64url')
      const id = bytes.subarray(0, ID_BYTES)
      const given = bytes.subarray(ID_BYTES)
      const genuine =
        cursor.length === CURSOR_LENGTH &&
        bytes.length === ID_BYTES + MAC_BYTES &&
        bytes.toString('base64url') === cursor &&
        keys.some((key) => timingSafeEqual(mac(key, list, id), given))
      if (!genuine) throw validationError('/cursor', 'cursor', 'must be the nextCursor of this list')
      return uuidOf(id)
    },
  }
}
