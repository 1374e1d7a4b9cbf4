import { executionAsyncResource } from 'node:async_hooks'

/**
 * Keeps the shape of what `process.nextTick` makes alive. A garbage collection that finds no such object takes its shape
 * away, as in the middle of a long start, and V8 no longer optimizes how the next ones are made: each of the handful of
 * ticks of a request then costs seven times as much for as long as the process lives (docs/performance.md). To be
 * imported before anything large is loaded.
 */
export const kept: object[] = []

process.nextTick(() => kept.push(executionAsyncResource()))
