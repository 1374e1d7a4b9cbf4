import { setNewest } from '#src/bounded-map'

/** The named limits. A route that names none is under `default`. */
export const policyNames = ['default', 'login', 'login-address', 'register', 'refresh'] as const
export type PolicyName = (typeof policyNames)[number]

/** How often something happened in the current window, and when that ends. */
interface Count {
  current: number
  ttlMs: number
}

/** Counts events per key in fixed windows that start with a key's first event. */
export interface Counters {
  /** @param by how many events at once; one if left out */
  increment(key: string, windowMs: number, by?: number): Promise<Count>
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

/**
 * Counts without a wait for the shared counters on most events: what this instance has counted is settled with them
 * later, several events and keys at a time. It asks first when it knows nothing of a key, when it has used a hundredth of
 * the limit unasked, when little is left, and when a key is used up faster than evenly; so an instance exceeds the limit
 * by a hundredth at the very most.
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
  const windows = new Map<string, { known: number; unsettled: number; endsAt: number; windowMs: number }>()
  const unsettledKeys = new Set<string>()
  let scheduled = false

  const settle = async (key: string, windowMs: number, by: number): Promise<Count> => {
    const count = await exact.increment(key, windowMs, by)
    const unsettled = windows.get(key)?.unsettled ?? 0
    setNewest(windows, key, { known: count.current, unsettled, endsAt: now() + count.ttlMs, windowMs }, maxKeys)
    return count
  }
  const settleAll = () => {
    scheduled = false
    for (const key of unsettledKeys) {
      const window = windows.get(key)
      if (window === undefined || window.unsettled === 0) continue
      const by = window.unsettled
      window.known += by
      window.unsettled = 0
      void settle(key, window.windowMs, by)
    }
    unsettledKeys.clear()
  }

  return {
    async increment(key, windowMs, by = 1) {
      const window = windows.get(key)
      const time = now()
      if (window === undefined || window.endsAt <= time) return settle(key, windowMs, by)
      window.unsettled += by
      const current = window.known + window.unsettled
      const elapsed = 1 - (window.endsAt - time) / windowMs
      const maxUnasked = max * Math.min(EXACT_FROM, HEAD_START + elapsed)
      if (window.unsettled > max * STEP || current > maxUnasked) {
        const owed = window.unsettled
        window.known += owed
        window.unsettled = 0
        return settle(key, windowMs, owed)
      }
      unsettledKeys.add(key)
      if (!scheduled) setTimeout(settleAll, settleMs).unref()
      scheduled = true
      return { current, ttlMs: window.endsAt - time }
    },
  }
}
