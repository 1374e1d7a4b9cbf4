import { ExponentialBackoff, type IBackoff } from 'cockatiel'
import fp from 'fastify-plugin'

declare module 'fastify' {
  interface FastifyInstance {
    /**
     * The waits between attempts to reach a store, in milliseconds: doubled each time, with a jitter of 25 % either way.
     * @param reconnecting whether the store has been there before: then it is likely to be back soon
     */
    backoff(reconnecting: boolean): { next(): number }
  }
}

const RECONNECT_MAX_MS = 1000
const JITTER = 0.25

/** The one backoff of the three connections and the relay. */
export default fp(
  async (app) => {
    const { RETRY_MIN_MS, RETRY_MAX_MS } = app.config
    app.decorate('backoff', (reconnecting) => {
      const maxDelay = reconnecting ? Math.min(RETRY_MAX_MS, RECONNECT_MAX_MS) : RETRY_MAX_MS
      const factory = new ExponentialBackoff<number>({
        initialDelay: RETRY_MIN_MS,
        maxDelay,
        generator: (attempt = 0, { initialDelay, exponent }) => {
          const delay = Math.min(initialDelay * exponent ** attempt, maxDelay)
          const jittered = delay * (1 - JITTER + Math.random() * 2 * JITTER)
          return [Math.round(Math.min(jittered, maxDelay)), attempt + 1]
        },
      })
      let current: IBackoff<unknown> | null = null
      return {
        next() {
          current = current === null ? factory.next() : current.next(undefined)
          return current.duration
        },
      }
    })
  },
  { name: 'backoff' },
)
