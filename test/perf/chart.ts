import { type ContestantId, contestants } from './contestants.ts'
import { figure, type ScenarioResult } from './report.ts'
import { median } from './statistics.ts'

const WIDTH = 760
const LABELS = 240
const BAR = 20
const STEP = 26
const TITLE = 40
const FIGURES = 80

/** The medians of all scenarios as bars, each scenario on a scale of its own. Readable on white and on black. */
export function drawChart(results: readonly ScenarioResult[]): string {
  const parts: string[] = []
  let y = 0
  for (const { scenario, rounds } of results) {
    const rates = [...rounds].map(
      ([id, measurements]) => [id, median(measurements.map((one) => one.perSecond))] as const,
    )
    const scale = (WIDTH - LABELS - FIGURES) / Math.max(...rates.map(([, rate]) => rate))
    parts.push(`<text class="title" x="0" y="${y + TITLE - 14}">${escapeXml(scenario.title)}, per second</text>`)
    y += TITLE
    for (const [id, rate] of rates) {
      parts.push(drawBar(id, rate, rate * scale, y))
      y += STEP
    }
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y}" role="img" aria-label="Requests per second of each contestant">
<style>
  text { font: 13px system-ui, sans-serif; fill: #767676 }
  .title { font-weight: 600; font-size: 15px }
  rect { fill: #9aa5b1 }
  .own { fill: #2f7dd1 }
</style>
${parts.join('\n')}
</svg>
`
}

function drawBar(id: ContestantId, rate: number, length: number, y: number): string {
  const baseline = y + BAR - 5
  return [
    `<text x="${LABELS - 10}" y="${baseline}" text-anchor="end">${escapeXml(contestants[id].name)}</text>`,
    `<rect${id === 'gatehouse' ? ' class="own"' : ''} x="${LABELS}" y="${y}" width="${length.toFixed(1)}" height="${BAR}" rx="2"/>`,
    `<text x="${(LABELS + length + 8).toFixed(1)}" y="${baseline}">${figure(rate)}</text>`,
  ].join('')
}

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
}
