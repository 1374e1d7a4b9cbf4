/** The place of an item in the order of deadlines. */
export interface Deadline<Item> {
  item: Item | null
  endsAt: number
  before: Deadline<Item> | null
  after: Deadline<Item> | null
}

/**
 * Items that all have the same time: they stand in the order of their ends, and one timer serves them all.
 *
 * They are a linked list. A `Map` would let go of them too late: when it moves to a new table, the old one keeps what it
 * held and refers to the new one, so that once such a table is old, the items of all later ones are dragged into the old
 * generation of V8's heap.
 * The timer keeps no process alive: that is the business of what is waited for.
 * @param onLate gets each item whose time is over; it is no longer in the list
 */
export function createDeadlines<Item>(limitMs: number, onLate: (item: Item) => void) {
  let first: Deadline<Item> | null = null
  let last: Deadline<Item> | null = null
  let timer: NodeJS.Timeout | undefined

  const remove = (deadline: Deadline<Item>): void => {
    if (deadline.item === null) return
    if (deadline.before) deadline.before.after = deadline.after
    else first = deadline.after
    if (deadline.after) deadline.after.before = deadline.before
    else last = deadline.before
    // It may outlive its place, and must not hold anything then.
    deadline.item = deadline.before = deadline.after = null
  }
  const endLate = (): void => {
    timer = undefined
    while (first !== null) {
      const leftMs = first.endsAt - performance.now()
      if (leftMs > 0) {
        timer = setTimeout(endLate, leftMs).unref()
        return
      }
      const { item } = first
      remove(first)
      if (item !== null) onLate(item)
    }
  }

  return {
    add(item: Item): Deadline<Item> {
      const deadline: Deadline<Item> = { item, endsAt: performance.now() + limitMs, before: last, after: null }
      if (last) last.after = deadline
      else first = deadline
      last = deadline
      timer ??= setTimeout(endLate, limitMs).unref()
      return deadline
    },
    /** Takes an item out; one that is out already stays so. */
    remove,
    /** No item is late any more. */
    stop: () => clearTimeout(timer),
  }
}
