import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import type { TestContext } from 'node:test'

/** A server between a client and a store, which a test takes away, brings back and slows down. */
interface Proxy {
  /** The address of the store, with the proxy in its place. */
  url: string
  /** How much longer each answer takes. */
  delayMs: number
  /** Refuses connections and breaks those that are open. */
  cut(): Promise<void>
  restore(): Promise<void>
}

export async function startProxy(t: TestContext, target: string): Promise<Proxy> {
  const { hostname, port } = new URL(target)
  const sockets = new Set<Socket>()
  const tie = (socket: Socket, other: Socket) => {
    sockets.add(socket)
    socket.setNoDelay()
    socket.on('error', () => {})
    socket.once('close', () => {
      sockets.delete(socket)
      other.destroy()
    })
  }
  const server = createServer((client) => {
    const store = connect(Number(port), hostname)
    tie(client, store)
    tie(store, client)
    client.on('data', (chunk) => store.write(chunk))
    store.on('data', (chunk) => setTimeout(() => client.write(chunk), proxy.delayMs))
  })
  const restore = async (port: number) => {
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
  }
  await restore(0)
  const address = server.address()
  const own = typeof address === 'object' && address ? address.port : 0

  const url = new URL(target)
  url.port = String(own)
  // A member of a replica set names the address that it knows of.
  if (url.protocol === 'mongodb:') url.searchParams.set('directConnection', 'true')
  const proxy: Proxy = {
    url: url.href,
    delayMs: 0,
    async cut() {
      const closed = once(server, 'close')
      server.close()
      for (const socket of sockets) socket.destroy()
      await closed
    },
    restore: () => restore(own),
  }
  t.after(async () => {
    if (server.listening) await proxy.cut()
  })
  return proxy
}
