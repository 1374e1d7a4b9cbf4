/** Where failures of tasks go (the part of pino's logger that is used). */
interface TaskLog {
  error(fields: Record<string, unknown>, message: string): void
  warn(fields: Record<string, unknown>, message: string): void
}

/** Work that outlives what started it. A task gets a signal that is aborted when the service stops. */
type BackgroundTask = (signal: AbortSignal) => Promise<void>

export interface BackgroundTasks {
  /** Starts a task. Its failure is logged once, with the correlation id of its cause, and goes no further. */
  run(name: string, correlationId: string, task: BackgroundTask): void
  /** Tells every running and future task that the service stops: loops end, work that was begun is finished. */
  abort(): void
  /** Resolves when no task is left, or after `timeoutMs`, naming in the log what is given up. */
  settled(timeoutMs: number): Promise<void>
}

/** Creates the one tracker of the process. */
export function createBackgroundTasks(log: TaskLog): BackgroundTasks {
  const running = new Map<Promise<void>, string>()
  const stopping = new AbortController()

  return {
    run(name, correlationId, task) {
      const done = Promise.try(task, stopping.signal)
        .catch((err: unknown) => {
          // A task that ends because it was told to has not failed.
          if (stopping.signal.aborted && err instanceof Error && err.name === 'AbortError') return
          log.error({ err, correlationId, task: name }, 'Background task failed')
        })
        .finally(() => running.delete(done))
      running.set(done, name)
    },
    abort() {
      stopping.abort()
    },
    async settled(timeoutMs) {
      const { promise: timeUp, resolve } = Promise.withResolvers<void>()
      let late = false
      const timer = setTimeout(() => {
        late = true
        resolve()
      }, timeoutMs)
      while (running.size > 0 && !late) await Promise.race([Promise.all(running.keys()), timeUp])
      clearTimeout(timer)
      if (late) log.warn({ tasks: [...running.values()] }, 'Background tasks given up')
    },
  }
}
