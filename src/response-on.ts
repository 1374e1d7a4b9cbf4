import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/**
 * The response that a connection is busy with, or `null`. Node keeps it where its own handler of `clientError` looks for
 * it, and offers no other way to it; to note it at each request costs more than the rest of a stop.
 */
export function responseOn(socket: Socket): ServerResponse | null {
  return (socket as Socket & { _httpMessage?: ServerResponse | null })._httpMessage ?? null
}
