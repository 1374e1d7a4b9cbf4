// npm run bench:login-timing: whether the time of a refused login tells if the address has an account. Starts a
// service, or asks the one of --url, where --email has an account and the limits are high enough. Option: --pairs.
import { parseArgs } from 'node:util'
import { contestants } from './contestants.ts'
import { prepareGround } from './ground.ts'
import { inTurns, send } from './measure.ts'
import { figure } from './report.ts'
import { startServer } from './servers.ts'
import { compare } from './statistics.ts'
import { startStores } from './stores.ts'

const TOLERANCE = 0.1
const WARM_UP = 10

const { values: options } = parseArgs({
  options: { url: { type: 'string' }, email: { type: 'string' }, pairs: { type: 'string', default: '200' } },
})

if (options.url !== undefined) await judge(options.url, options.email ?? '')
else {
  const stores = await startStores(undefined)
  try {
    const { pool, accounts, environment } = await prepareGround(stores, 'timing')
    const service = await startServer(contestants.gatehouse.file, environment)
    await judge(service.url, accounts[0]?.user.email ?? '')
    await service.stop()
    await pool.end()
  } finally {
    await stores.stop()
  }
}

async function judge(url: string, email: string): Promise<void> {
  const unknown: number[] = []
  const wrong: number[] = []
  let n = 0
  const askUnknown = async () => unknown.push(await refusalMs(url, `nobody-${n++}@example.com`))
  const askWrong = async () => wrong.push(await refusalMs(url, email))
  // What the first one leaves behind must not always meet the same second one.
  await inTurns([askUnknown, askWrong], WARM_UP + Number(options.pairs), (ask) => ask())
  const { medians, ratio, alike } = compare(unknown.slice(WARM_UP), wrong.slice(WARM_UP), TOLERANCE)
  console.log(
    `Median of ${options.pairs} refused logins: ${figure(medians[0])} ms for an unknown address, ${figure(medians[1])} ms for a wrong password; ratio ${ratio.toFixed(3)}, ${alike ? 'alike' : 'different'}.`,
  )
  process.exitCode = alike ? 0 : 1
}

async function refusalMs(url: string, email: string): Promise<number> {
  const startedAt = performance.now()
  const answer = await send(url, {
    method: 'POST',
    path: '/api/v1/auth/login',
    body: { email, password: 'not my password' },
  })
  const body = await answer.text()
  if (answer.status !== 401) throw new Error(`The service answered ${answer.status}: ${body}`)
  return performance.now() - startedAt
}
