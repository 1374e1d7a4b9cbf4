import { readdirSync, readFileSync } from 'node:fs'
import { setPriority } from 'node:os'

/**
 * Lets the threads of libuv's pool stand back behind the event loop where both want the processor. They must have been
 * started, by a first piece of work. Does nothing where threads have no priority of their own: only Linux gives them one.
 * @param nice from 0, as all others, to 19, last
 */
export function lowerPoolPriority(nice: number): void {
  if (process.platform !== 'linux') return
  for (const thread of readdirSync('/proc/self/task')) {
    try {
      const name = readFileSync(`/proc/self/task/${thread}/comm`, 'utf8').trim()
      if (name === 'libuv-worker') setPriority(Number(thread), nice)
    } catch {
      // The thread has ended meanwhile, or the kernel says no: it goes on as it is.
    }
  }
}
