/** What tells one kind of request from another; `route` is the template. */
interface RequestLabels {
  method: string
  route: string
  status_code: number
}

/** All requests of one kind. Each is in the first bucket whose upper bound it does not exceed, and in no other. */
interface Series {
  labels: RequestLabels
  buckets: { upperBound: number; count: number }[]
  sumSeconds: number
}

interface Options {
  name: string
  help: string
  /** Upper bounds in rising order; seconds. */
  buckets: readonly number[]
  registers: readonly { registerMetric(metric: never): void }[]
}

const newMap = () => new Map()

/**
 * How long requests took, as a histogram for the registry of the Prometheus client. For each observation the client's own
 * writes all labels into one text, to find the series by it, and a bound into another, to find the bucket: 5 µs of the 31
 * that a small request took (docs/performance.md).
 */
export class RequestHistogram {
  readonly type = 'histogram'
  readonly aggregator = 'sum'
  readonly name: string
  readonly help: string
  readonly #upperBounds: readonly number[]
  /** By route, method and status. */
  readonly #series = new Map<string, Map<string, Map<number, Series>>>()

  constructor({ name, help, buckets, registers }: Options) {
    this.name = name
    this.help = help
    this.#upperBounds = [...buckets, Number.POSITIVE_INFINITY]
    // The type of the registry lists the metrics of the package; it takes what has a name and a `get`.
    for (const registry of registers) registry.registerMetric(this as never)
  }

  /** Measures until the function that it returns is called. */
  startTimer(): (labels: RequestLabels) => void {
    const startedAt = performance.now()
    return (labels) => this.observe(labels, (performance.now() - startedAt) / 1000)
  }

  /** Counts a request. */
  observe(labels: RequestLabels, seconds: number): void {
    const series = this.#seriesOf(labels)
    series.sumSeconds += seconds
    for (const bucket of series.buckets) {
      if (seconds > bucket.upperBound) continue
      bucket.count += 1
      return
    }
  }

  /** Forgets all requests, as the registry may ask of its metrics. */
  reset(): void {
    this.#series.clear()
  }

  /** What the registry writes out. */
  async get() {
    const { name, help, type, aggregator } = this
    const all = this.#series
      .values()
      .flatMap((methods) => methods.values())
      .flatMap((statuses) => statuses.values())
    return { name, help, type, aggregator, values: all.flatMap((series) => valuesOf(name, series)).toArray() }
  }

  #seriesOf({ method, route, status_code }: RequestLabels): Series {
    const statuses = this.#series.getOrInsertComputed(route, newMap).getOrInsertComputed(method, newMap)
    let series = statuses.get(status_code)
    if (series === undefined) {
      const buckets = this.#upperBounds.map((upperBound) => ({ upperBound, count: 0 }))
      series = { labels: { method, route, status_code }, buckets, sumSeconds: 0 }
      statuses.set(status_code, series)
    }
    return series
  }
}

function valuesOf(name: string, { labels, buckets, sumSeconds }: Series) {
  let count = 0
  const cumulative = buckets.map(({ upperBound, count: own }) => {
    count += own
    const le = upperBound === Number.POSITIVE_INFINITY ? '+Inf' : upperBound
    return { metricName: `${name}_bucket`, labels: { le, ...labels }, value: count }
  })
  return [
    ...cumulative,
    { metricName: `${name}_sum`, labels, value: sumSeconds },
    { metricName: `${name}_count`, labels, value: count },
  ]
}
