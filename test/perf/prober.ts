// The process of a probe: asks a URL at a steady pace until it is told to stop, then says how long each answer took.
// It writes to the socket itself, since a client of HTTP would take longer than the answer.
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

const PAUSE_MS = 10
// Asked without a pause and not counted: until what runs here is compiled.
const WARM_UP = 100

const { hostname, port, host, pathname } = new URL(process.argv[2] ?? '')
const socket = connect(Number(port), hostname).setNoDelay().setEncoding('latin1')
const times: number[] = []
let stopped = false
process.once('message', () => {
  stopped = true
})

let startedAt = ask()
let answer = ''
for await (const piece of socket) {
  answer += piece
  if (!isWhole(answer)) continue
  times.push(performance.now() - startedAt)
  answer = ''
  if (stopped) break
  if (times.length > WARM_UP) await sleep(PAUSE_MS)
  startedAt = ask()
}
if (!stopped) throw new Error(`${host} has closed the connection`)
process.send?.(times.slice(WARM_UP))
process.disconnect?.()

function ask(): number {
  const askedAt = performance.now()
  socket.write(`GET ${pathname} HTTP/1.1\r\nhost: ${host}\r\n\r\n`)
  return askedAt
}

function isWhole(text: string): boolean {
  const [head, bodyLength] = /^HTTP.*?\r\ncontent-length: (\d+)\r\n.*?\r\n\r\n/is.exec(text) ?? []
  return head !== undefined && text.length === head.length + Number(bodyLength)
}
