/** What a logger writes to. */
interface LineStream {
  write(lines: string): void
  /** `false` where each write takes a thread, and wakes the event loop when it is done: pino's own streams. */
  sync?: boolean
}

/** How soon after one write such a stream gets the next. */
const INTERVAL_MS = 10

let stream: LineStream | undefined
let lines = ''
let writtenAt = Number.NEGATIVE_INFINITY
let timer: NodeJS.Timeout | undefined

/**
 * Writes a line with all others that come in this turn of the event loop or, where a write is dear, within 10 ms of those
 * before. One by one they would cost far more: pino's stream also counts the bytes of all that waits in it each time.
 */
export function writeLine(to: LineStream, line: string): void {
  if (stream !== to) {
    flushLines()
    writtenAt = Number.NEGATIVE_INFINITY
  }
  stream = to
  if (lines === '') schedule(to)
  lines += line
}

/** Writes what still waits: whatever else is written to the stream must come after it. */
export function flushLines(): void {
  clearTimeout(timer)
  const batch = lines
  lines = ''
  if (batch === '') return
  writtenAt = performance.now()
  stream?.write(batch)
}

function schedule({ sync }: LineStream): void {
  const waitMs = sync === false ? writtenAt + INTERVAL_MS - performance.now() : 0
  if (waitMs > 0) timer = setTimeout(flushLines, waitMs)
  else process.nextTick(flushLines)
}
