import type { Cursors } from '#src/cursors'

/** A page of a list that is sorted by id. */
export interface Page<Item> {
  items: Item[]
  /** `null` on the last page. */
  nextCursor: string | null
}

/**
 * Reads a page and finds out whether there is a next one.
 * @param list what the cursor is good for: the list, its owner and its filter
 * @param read gets the id to go on from, and how many items to read at most
 * @throws AppError `ValidationError` when the cursor is not from this list
 */
export async function pageOf<Item extends { id: string }>(
  cursors: Cursors,
  list: string,
  { limit, cursor }: { limit: number; cursor?: string | undefined },
  read: (beforeId: string | null, limit: number) => Promise<Item[]>,
): Promise<Page<Item>> {
  const found = await read(cursor === undefined ? null : cursors.read(list, cursor), limit + 1)
  const items = found.slice(0, limit)
  const last = items.at(-1)
  return { items, nextCursor: found.length > limit && last ? cursors.issue(list, last.id) : null }
}
