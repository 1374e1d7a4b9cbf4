/** What a logger writes to. */
interface LineStream {
  write(lines: string): void
}

let stream: LineStream | undefined
let lines = ''

/**
 * Writes a line at the end of this turn of the event loop, with all others that come in it. One by one they would cost
 * far more: pino's stream counts the bytes of all that waits in it whenever something is added.
 */
export function writeLine(to: LineStream, line: string): void {
  if (stream !== to) flush()
  if (lines === '') process.nextTick(flush)
  stream = to
  lines += line
}

function flush(): void {
  const batch = lines
  lines = ''
  if (batch !== '') stream?.write(batch)
}
