import { setTimeout as sleep } from 'node:timers/promises'
import type { Reply } from '#test/calls'

/** Callers that each send one request after the other until they are stopped. */
export function startLoad(callers: number, pauseMs: number, request: (caller: number, turn: number) => Promise<Reply>) {
  const replies: Reply[] = []
  let stopped = false
  const running = Array.from({ length: callers }, async (_, caller) => {
    for (let turn = 0; !stopped; turn++) {
      replies.push(await request(caller, turn))
      await sleep(pauseMs)
    }
  })
  return {
    /** What was answered so far, in the order of the answers. */
    replies,
    /** Resolves when the last request is answered. */
    async stop(): Promise<Reply[]> {
      stopped = true
      await Promise.all(running)
      return replies
    },
  }
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return ((sorted[(sorted.length - 1) >> 1] ?? 0) + (sorted[sorted.length >> 1] ?? 0)) / 2
}
