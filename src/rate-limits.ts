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
  increment(key: string, windowMs: number): Promise<Count>
}

/** Counts events in the memory of this process. */
export interface LocalCounters {
  increment(key: string, windowMs: number): Count
}

/**
 * @param maxKeys how many keys are counted at a time; beyond that the oldest one is forgotten, so that a flood of keys
 * costs bounded memory
 */
export function createLocalCounters(maxKeys: number, now: () => number = () => performance.now()): LocalCounters {
  const windows = new Map<string, { count: number; endsAt: number }>()
  return {
    increment(key, windowMs) {
      const time = now()
      const window = windows.get(key)
      if (window !== undefined && window.endsAt > time) {
        window.count += 1
        return { current: window.count, ttlMs: window.endsAt - time }
      }
      // Deleted and set anew, so that the map stays sorted by the start of the windows and sheds the oldest first.
      windows.delete(key)
      if (windows.size >= maxKeys) {
        const [oldest] = windows.keys()
        if (oldest !== undefined) windows.delete(oldest)
      }
      windows.set(key, { count: 1, endsAt: time + windowMs })
      return { current: 1, ttlMs: windowMs }
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
    async increment(key, windowMs) {
      const own = local.increment(key, windowMs)
      if (!takesTurn()) return own
      try {
        const all = await shared.increment(key, windowMs)
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
