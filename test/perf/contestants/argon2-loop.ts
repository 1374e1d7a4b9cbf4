// @node-rs/argon2 without a server: as many checks at a time as there are cores, for the given number of seconds.
import { availableParallelism } from 'node:os'
import { hash, verify } from '@node-rs/argon2'
import { argon2Cost } from './settings.ts'

const seconds = Number(process.argv[2])
const password = 'correct horse battery staple'
const encoded = await hash(password, argon2Cost)
const deadline = performance.now() + seconds * 1000
let checks = 0

async function lane(): Promise<void> {
  while (performance.now() < deadline) {
    await verify(encoded, password)
    checks += 1
  }
}

await Promise.all(Array.from({ length: availableParallelism() }, lane))
process.stdout.write(JSON.stringify({ perSecond: checks / seconds }))
