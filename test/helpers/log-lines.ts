import { Writable } from 'node:stream'

/** A stream for a logger, and the lines that were written to it. */
export function collectLines<Line>(): { stream: Writable; lines: Line[] } {
  const lines: Line[] = []
  const stream = new Writable({
    write(chunk, _encoding, done) {
      for (const line of String(chunk).trimEnd().split('\n')) lines.push(JSON.parse(line))
      done()
    },
  })
  return { stream, lines }
}
