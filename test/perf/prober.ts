// The thread of a probe: asks until it is told to stop, then says how long each answer took.
import { Agent, get } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { parentPort, workerData } from 'node:worker_threads'

const PAUSE_MS = 10

const agent = new Agent({ keepAlive: true, maxSockets: 1 })
const times: number[] = []
let stopped = false
parentPort?.once('message', () => {
  stopped = true
})
while (!stopped) {
  const startedAt = performance.now()
  await new Promise<void>((resolve, reject) => {
    get(workerData, { agent }, (response) => response.resume().once('end', resolve)).once('error', reject)
  })
  times.push(performance.now() - startedAt)
  await sleep(PAUSE_MS)
}
agent.destroy()
parentPort?.postMessage(times)
