interface Options<Job, Result> {
  /** How many batches are under way at a time. */
  lanes: number
  /** Jobs in a batch, as long as there are enough for all lanes; else each is a batch of its own. */
  size: number
  /** Does some jobs. The results are in the order of the jobs. */
  run(jobs: readonly Job[]): Promise<readonly Result[]>
}

interface Waiting<Job, Result> {
  job: Job
  resolve(result: Result): void
  reject(error: unknown): void
}

/**
 * Hands jobs over to what does them, first come, first served. Where many wait they go in batches: what it costs to hand
 * one over, and to be told of its end, is then shared.
 * @returns what does a job
 */
export function createBatches<Job, Result>({ lanes, size, run }: Options<Job, Result>): (job: Job) => Promise<Result> {
  const queue: Waiting<Job, Result>[] = []
  let underWay = 0

  const next = () => {
    while (underWay < lanes && queue.length > 0) {
      const batch = queue.splice(0, queue.length >= lanes * size ? size : 1)
      underWay += 1
      void finish(batch)
    }
  }
  const finish = async (batch: readonly Waiting<Job, Result>[]) => {
    try {
      const results = await run(batch.map(({ job }) => job))
      for (const [n, { resolve }] of batch.entries()) resolve(results[n] as Result)
    } catch (error) {
      for (const { reject } of batch) reject(error)
    } finally {
      underWay -= 1
      next()
    }
  }
  return (job) =>
    new Promise((resolve, reject) => {
      queue.push({ job, resolve, reject })
      next()
    })
}
