import pg from 'pg'
import { createDeadlines } from '#src/deadlines'

type Callback = (error: Error | null | undefined, result?: unknown) => void

/**
 * Connections that give up on a statement when its answer is not there in time, with the error of `pg`'s own option
 * `query_timeout`. That one, and its promises, set a function as a property of each query: V8 puts such a function into
 * its old generation, and it drags the query with its rows there, which only a major collection gets out again
 * (docs/performance.md). Here nothing of a query lives longer than it, and one timer serves all.
 *
 * A statement with a `query_timeout` of its own is left to `pg`, and so is, with the same limit, one that brings its own
 * class.
 * @param limitMs 0 for none
 */
export function boundedClient(limitMs: number): typeof pg.Client {
  if (limitMs === 0) return pg.Client
  const deadlines = createDeadlines<Callback>(limitMs, (callback) => callback(new Error('Query read timeout')))

  class BoundedClient extends pg.Client {
    // As loose as the overloads it stands for.
    // biome-ignore lint/suspicious/noExplicitAny: each of them is checked where it is called
    override query(config: any, values?: any, callback?: any): any {
      if (typeof config?.submit === 'function') config.query_timeout ||= limitMs
      if (config?.query_timeout) return super.query(config, values, callback)
      const given: Callback | undefined = callback ?? (typeof values === 'function' ? values : config?.callback)
      const parameters = typeof values === 'function' ? undefined : values
      if (given !== undefined) return this.#bounded(config, parameters, given)
      return new Promise((resolve, reject) => {
        this.#bounded(config, parameters, (error, result) => (error ? reject(error) : resolve(result)))
      })
    }

    #bounded(config: string, values: unknown[] | undefined, callback: Callback): void {
      const deadline = deadlines.add(callback)
      super.query(config, values as unknown[], (error, result) => {
        if (deadline.item === null) return
        deadlines.remove(deadline)
        callback(error, result)
      })
    }
  }
  return BoundedClient
}
