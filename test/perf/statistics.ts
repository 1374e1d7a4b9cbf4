/** The middle of some values and how far they lie apart. */
export interface Spread {
  median: number
  min: number
  max: number
}

/** Two series measured in turn. */
interface Comparison {
  medians: [first: number, second: number]
  /** Of the second median to the first. */
  ratio: number
  /** Whether the medians are so close that one can not tell the series apart. */
  alike: boolean
}

/** The middle value; of an even number of values, the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const upper = -percentile(
    values.map((value) => -value),
    50,
  )
  return (percentile(values, 50) + upper) / 2
}

/** The smallest value that `percent` of all values do not exceed (nearest rank). @throws RangeError without values */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  const value = sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)]
  if (value === undefined) throw new RangeError('there are no values')
  return value
}

/** @throws RangeError without values */
export function spread(values: readonly number[]): Spread {
  return { median: median(values), min: percentile(values, 0), max: percentile(values, 100) }
}

/** @param tolerance how far the larger median may lie above the smaller one, as a share of it */
export function compare(first: readonly number[], second: readonly number[], tolerance: number): Comparison {
  const medians: Comparison['medians'] = [median(first), median(second)]
  const ratio = medians[1] / medians[0]
  return { medians, ratio, alike: Math.max(ratio, 1 / ratio) <= 1 + tolerance }
}
