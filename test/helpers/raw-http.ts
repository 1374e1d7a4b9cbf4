import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { Answer } from '#test/envelope'

/** A connection on which a test writes bytes that no HTTP client would. */
export interface RawConnection {
  socket: Socket
  /** Everything received until the server closed the connection. */
  ended(): Promise<string>
  /** Everything received until now. */
  received(): string
}

export async function openRaw(port: number): Promise<RawConnection> {
  const socket = connect({ port, host: '127.0.0.1' })
  let text = ''
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1')
  })
  // A reset is an end too; what was received before it is what the test looks at.
  socket.on('error', () => {})
  const closed = once(socket, 'close')
  await once(socket, 'connect')
  return {
    socket,
    received: () => text,
    async ended() {
      await closed
      return text
    },
  }
}

/** Sends bytes and returns all that comes back until the server closes. */
export async function exchange(port: number, bytes: string | Buffer): Promise<string> {
  const connection = await openRaw(port)
  connection.socket.write(bytes)
  return connection.ended()
}

/** The one answer in what was received; fails if it is cut or something follows. */
export function parseAnswer(text: string): Answer {
  const [head = '', body = ''] = text.split(/\r\n\r\n(.*)/s)
  const [status = '', ...lines] = head.split('\r\n')
  const headers = Object.fromEntries(
    lines.map((line) => line.split(/: (.*)/s)).map(([name, value]) => [name?.toLowerCase(), value]),
  )
  return { statusCode: Number(status.split(' ')[1]), headers, body }
}
