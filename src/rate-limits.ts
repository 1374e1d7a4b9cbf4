import { setNewest } from '#src/bounded-map'

/** The named limits. A route that names none is under `default`. */
export const policyNames = ['default', 'login', 'login-address', 'register', 'refresh'] as const
export type PolicyName = (typeof policyNames)[number]

/** How often something happened in the current window, and when that ends. */
export interface Count {
  current: number
  ttlMs: number
}

/** Counts events per key in fixed windows that start with a key's first event. */
export interface Counters {
  /**
   * @param by how many events at once; one if left out
   * @returns the count itself where it is known at once: a promise of it would cost more than it
   */
  increment(key: string, windowMs: number, by?: number): Count | Promise<Count>
}

/** Counts events in the memory of this process. */
interface LocalCounters {
  increment(key: string, windowMs: number, by?: number): Count
}

/**
 * @param maxKeys how many keys are counted at a time; beyond that the oldest one is forgotten, so that a flood of keys
 * costs bounded memory
 */
export function createLocalCounters(maxKeys: number, now: () => number = () => performance.now()): LocalCounters {
  const windows = new Map<string, { count: number; endsAt: number }>()
  return {
    increment(key, windowMs, by = 1) {
      const time = now()
      const window = windows.get(key)
      if (window !== undefined && window.endsAt > time) {
        window.count += by
        return { current: window.count, ttlMs: window.endsAt - time }
      }
      setNewest(windows, key, { count: by, endsAt: time + windowMs }, maxKeys)
      return { current: by, ttlMs: windowMs }
    },
  }
}

/**
 * Counts that all instances share, with this process's own count beside them. While the shared ones do not answer, the
 * own count stands in, and goes on from where it was: a limit is at worst multiplied by the number of instances.
 * @param pauseMs how long the shared counters are left alone after a failure. Then one caller tries them, and nobody
 * else waits for what comes of it.
 */
export function createSharedCounters(
  shared: Counters,
  local: LocalCounters,
  pauseMs: number,
  now: () => number = () => performance.now(),
): Counters {
  let away = false
  let nextTryAt = 0
  const takesTurn = () => {
    if (!away) return true
    if (now() < nextTryAt) return false
    nextTryAt = now() + pauseMs
    return true
  }
  return {
    async increment(key, windowMs, by) {
      const own = local.increment(key, windowMs, by)
      if (!takesTurn()) return own
      try {
        const all = await shared.increment(key, windowMs, by)
        away = false
        return all.current >= own.current ? all : own
      } catch {
        if (!away) nextTryAt = now() + pauseMs
        away = true
        return own
      }
    },
  }
}

/** The part of a limit that an instance may use before it asks what the others have used. */
const STEP = 0.01
/** The part of a limit from which on every event is asked about before it is answered. */
const EXACT_FROM = 0.8
/** How far ahead of an even use of its window a key may be before every event is asked about. */
const HEAD_START = 0.05
/** How often, in the time that an event may go unsettled, those that are due are settled. */
const SLICES = 600

/**
 * Counts without a wait for the shared counters on most events: what this instance has counted is settled with them
 * later, several events and keys at a time. It asks first when it has used a hundredth of the limit unasked, when little
 * is left, and when a key is used up faster than evenly; so an instance exceeds the limit by a hundredth at the very most.
 * @param max the limit
 * @param settleMs how long an event may go unsettled
 */
export function createSettledCounters(
  exact: Counters,
  max: number,
  maxKeys: number,
  settleMs: number,
  now: () => number = () => performance.now(),
): Counters {
  const windows = new Map<string, SettledWindow>()
  // In the order in which they are due.
  const unsettledKeys = new Set<string>()
  let scheduled = false

  const settle = async (key: string, windowMs: number, by: number): Promise<Count> => {
    const count = await exact.increment(key, windowMs, by)
    const { unsettled = 0, dueAt = 0 } = windows.get(key) ?? {}
    const window = { known: count.current, unsettled, dueAt, endsAt: now() + count.ttlMs, windowMs }
    setNewest(windows, key, window, maxKeys)
    return count
  }
  const windowOf = (key: string, windowMs: number, time: number): SettledWindow => {
    const known = windows.get(key)
    if (known !== undefined && known.endsAt > time) return known
    // What was not settled in time is charged to the next window.
    const unsettled = known?.unsettled ?? 0
    const window = { known: 0, unsettled, dueAt: known?.dueAt ?? 0, endsAt: time + windowMs, windowMs }
    setNewest(windows, key, window, maxKeys)
    return window
  }
  const takeUnsettled = (key: string, window: SettledWindow): number => {
    const by = window.unsettled
    window.known += by
    window.unsettled = 0
    unsettledKeys.delete(key)
    return by
  }
  // A few keys at a time: many at once would hold up the requests of that moment.
  const settleDue = () => {
    scheduled = false
    for (const key of unsettledKeys) {
      const window = windows.get(key)
      if (window === undefined) unsettledKeys.delete(key)
      else if (window.dueAt > now()) break
      else void settle(key, window.windowMs, takeUnsettled(key, window))
    }
    if (unsettledKeys.size > 0) schedule()
  }
  const schedule = () => {
    if (!scheduled) setTimeout(settleDue, settleMs / SLICES).unref()
    scheduled = true
  }

  return {
    increment(key, windowMs, by = 1) {
      const time = now()
      const window = windowOf(key, windowMs, time)
      if (window.unsettled === 0) window.dueAt = time + settleMs
      window.unsettled += by
      unsettledKeys.add(key)
      const current = window.known + window.unsettled
      const elapsed = 1 - (window.endsAt - time) / windowMs
      const maxUnasked = max * Math.min(EXACT_FROM, HEAD_START + elapsed)
      if (window.unsettled > max * STEP || current > maxUnasked) {
        return settle(key, windowMs, takeUnsettled(key, window))
      }
      schedule()
      return { current, ttlMs: window.endsAt - time }
    },
  }
}

interface SettledWindow {
  /** What all instances have counted, as far as this one knows. */
  known: number
  unsettled: number
  /** When what is unsettled has to be settled. */
  dueAt: number
  endsAt: number
  windowMs: number
}
