// npm run bench: all contestants in all scenarios, in turn. Options: --rounds, --seconds, --scenario, --quick.
// A whole run writes docs/performance.md; a quick one, or one of a single scenario, only prints.
import { parseArgs } from 'node:util'
import { drawChart } from './chart.ts'
import { type ContestantId, contestants } from './contestants.ts'
import { type Ground, prepareGround } from './ground.ts'
import { planCores } from './machine.ts'
import { checkAnswer, inTurns, type Measurement, measure, measureLoop } from './measure.ts'
import { probeUnderLogins } from './probe.ts'
import { describeRun, describeScenario, type ScenarioResult, writeDrawing, writeSection } from './report.ts'
import { type Scenario, scenarios } from './scenarios.ts'
import { type Server, startServer } from './servers.ts'
import { startStores } from './stores.ts'

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '10' },
    // The logins that are under way at the end, half a second's work, do not count.
    seconds: { type: 'string', default: '8' },
    scenario: { type: 'string' },
    quick: { type: 'boolean', default: false },
  },
})
const long = options.quick
  ? { rounds: 1, seconds: 2 }
  : { rounds: Number(options.rounds), seconds: Number(options.seconds) }
// What does not wait for a hash is in full swing at once. The closer two turns are, the less the machine changes between.
const short = options.quick ? long : { rounds: 2 * long.rounds, seconds: Math.ceil(long.seconds / 8) }
// Before each turn: what a server does first after a rest, such as growing its heap again, is not what is measured.
const runUpSeconds = 1
// Until everything hot is compiled.
const warmUpSeconds = options.quick ? 2 : 5
const chosen = Object.entries(scenarios).filter(([id]) => options.scenario === undefined || id === options.scenario)
if (chosen.length === 0) throw new Error(`--scenario must be one of ${Object.keys(scenarios).join(', ')}`)

const cores = planCores()
const stores = await startStores(cores?.stores)
try {
  const ground = await prepareGround(stores, 'bench')

  const results: ScenarioResult[] = []
  for (const [, scenario] of chosen) {
    const result = await run(scenario, ground)
    console.log(`\n${describeScenario(result)}`)
    results.push(result)
  }
  await ground.pool.end()

  const pinning = cores ? 'server and load on a core each, except where passwords are hashed' : 'nothing pinned'
  const summary = describeRun([
    `medians of ${short.rounds} rounds of ${short.seconds} s, where passwords are hashed of ${long.rounds} of ${long.seconds} s, each after ${runUpSeconds} s of the same load`,
    pinning,
    ...stores.remarks,
  ])
  console.log(`\n${summary}`)
  if (!options.quick && options.scenario === undefined) {
    await writeSection('bench', [summary, ...results.map(describeScenario)].join('\n\n'))
    await writeDrawing('performance.svg', drawChart(results))
  }
} finally {
  await stores.stop()
}

async function run(scenario: Scenario, ground: Ground): Promise<ScenarioResult> {
  const ids = scenario.contestants
  const servers = new Map<ContestantId, Server>()
  const { rounds, seconds } = scenario.allCores ? long : short
  const load = { seconds, cores: scenario.allCores ? undefined : cores?.load }
  try {
    for (const id of ids.filter((one) => one !== 'loop')) {
      const server = await startServer(contestants[id].file, ground.environment, {
        cores: scenario.allCores ? undefined : cores?.server,
      })
      servers.set(id, server)
      await checkAnswer(scenario, ground, server)
      await measure(scenario, ground, server, { ...load, seconds: warmUpSeconds })
    }

    const found = new Map(ids.map((id): [ContestantId, Measurement[]] => [id, []]))
    await inTurns(ids, rounds, async (id) => {
      const server = servers.get(id)
      if (server) await measure(scenario, ground, server, { ...load, seconds: runUpSeconds })
      const measurement = server
        ? await measure(scenario, ground, server, load)
        : await measureLoop(contestants[id].file, ground.environment, seconds)
      found.get(id)?.push(measurement)
    })
    const service = servers.get('gatehouse')
    const notes =
      service && scenario === scenarios.login ? [await probeUnderLogins(service, ground, { rounds, seconds })] : []
    return { scenario, rounds: found, notes }
  } finally {
    await Promise.all([...servers.values()].map((server) => server.stop()))
  }
}
