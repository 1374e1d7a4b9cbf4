import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { type ContestantId, contestants } from './contestants.ts'
import { generator } from './load.ts'
import { describeMachine } from './machine.ts'
import type { Measurement } from './measure.ts'
import type { Scenario } from './scenarios.ts'
import { median, type Spread, spread } from './statistics.ts'

/** All rounds of one scenario. */
export interface ScenarioResult {
  scenario: Scenario
  /** Each contestant's measurements, by round. */
  rounds: Map<ContestantId, Measurement[]>
  /** Further findings, a sentence each. */
  notes: string[]
}

const docs = path.join(import.meta.dirname, '../../docs')

/** A figure with as many digits as mean something. */
export function figure(value: number | undefined): string {
  if (value === undefined) return '–'
  if (value >= 100) return Math.round(value).toLocaleString('en-US')
  return value >= 10 ? value.toFixed(1) : value.toFixed(2)
}

/** A table of Markdown that lines up in a terminal too. The first column is aligned left, the others right. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => row[column]?.length ?? 0)))
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, n) => (n === 0 ? cell.padEnd(widths[n] ?? 0) : cell.padStart(widths[n] ?? 0))).join(' | ')} |`
  const rule = `|${widths.map((width, n) => (n === 0 ? '-'.repeat(width + 2) : `${'-'.repeat(width + 1)}:`)).join('|')}|`
  return [line(head), rule, ...rows.map(line)].join('\n')
}

/** How far values lie apart. */
export function range({ min, max }: Spread): string {
  return `${figure(min)}..${figure(max)}`
}

/** How many times another contestant's figure one has, round by round: what slows a round down slows both. */
function ratios({ rounds }: ScenarioResult, id: ContestantId, other: ContestantId): Spread {
  const others = rounds.get(other) ?? []
  const pairs = (rounds.get(id) ?? []).map(
    ({ perSecond }, round) => perSecond / (others[round]?.perSecond ?? Number.NaN),
  )
  return spread(pairs)
}

/** The table of a scenario, and what it says of the goals. */
export function describeScenario(result: ScenarioResult): string {
  const { scenario, rounds, notes } = result
  const rows = [...rounds].map(([id, measurements]) => {
    const middle = (value: (measurement: Measurement) => number | undefined) => {
      const values = measurements.map(value).filter((one) => one !== undefined)
      return figure(values.length > 0 ? median(values) : undefined)
    }
    const rate = spread(measurements.map(({ perSecond }) => perSecond))
    return [
      contestants[id].name,
      figure(rate.median),
      range(rate),
      figure(ratios(result, id, scenario.baseline).median),
      ...[middle((one) => one.p50Ms), middle((one) => one.p99Ms), middle((one) => one.cpuMicros)],
      middle((one) => one.rssMb),
    ]
  })
  const head = ['contestant', 'per second', 'min..max', 'ratio', 'p50 ms', 'p99 ms', 'CPU µs each', 'RSS MB']
  const findings = [...goalLines(result), ...notes].map((line) => `- ${line}`)
  return [`### ${scenario.title}`, table(head, rows), findings.join('\n')].filter(Boolean).join('\n\n')
}

function goalLines(result: ScenarioResult): string[] {
  return Object.entries(result.scenario.goals).map(([other, goal]) => {
    const ratio = ratios(result, 'gatehouse', other as ContestantId)
    const times = `${figure(ratio.median)} times (${range(ratio)})`
    const { name } = contestants[other as ContestantId]
    return goalLine(`Gatehouse has ${times} the figure of "${name}"`, `at least ${goal}`, ratio.median >= goal)
  })
}

/** A finding beside its goal. */
export function goalLine(finding: string, goal: string, reached: boolean): string {
  return `${finding}; goal ${goal}: ${reached ? 'reached' : '**not reached**'}.`
}

/** How a measurement was taken. */
export function describeRun(details: readonly string[]): string {
  const date = new Date().toISOString().slice(0, 10)
  return [`Measured ${date} on ${describeMachine()}, load from ${generator}`, ...details].join('; ').concat('.')
}

/** Replaces a part of docs/performance.md: what stands between the comments that bear its name. */
export async function writeSection(name: string, text: string): Promise<void> {
  const file = path.join(docs, 'performance.md')
  const page = await readFile(file, 'utf8')
  const [begin, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`]
  const [from, to] = [page.indexOf(begin), page.indexOf(end)]
  if (from < 0 || to < from) throw new Error(`docs/performance.md has no section "${name}"`)
  await writeFile(file, `${page.slice(0, from + begin.length)}\n\n${text}\n\n${page.slice(to)}`)
}

export async function writeDrawing(name: string, svg: string): Promise<void> {
  await writeFile(path.join(docs, name), svg)
}
