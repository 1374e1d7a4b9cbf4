import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Pool } from 'pg'

const RECONNECT_MS = 1000

/**
 * Listens on a channel until the signal, on a connection of the pool that it keeps. When that is lost it takes another
 * one; what is notified in between is missed.
 */
export async function listen(pool: Pool, channel: string, onNotify: () => void, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      const client = await pool.connect()
      try {
        client.on('notification', onNotify)
        await client.query(`listen ${client.escapeIdentifier(channel)}`)
        await once(client, 'end', { signal })
      } finally {
        client.off('notification', onNotify)
        // Not given back: it would go on listening.
        client.release(true)
      }
    } catch {
      // The pool's watcher reports a database that is away.
    }
    await sleep(RECONNECT_MS, undefined, { signal, ref: false }).catch(() => {})
  }
}
