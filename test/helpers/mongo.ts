import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { after, type TestContext } from 'node:test'
import { MongoClient } from 'mongodb'
import { type ServerProcess, startServerProcess } from '#test/processes'
import { programOnPath, requireStore } from '#test/stores'

const ends: (() => Promise<void>)[] = []
let ownServer: Promise<ServerProcess> | undefined

after(async () => {
  for (const end of ends) await end()
})

const installedByCi = path.join(import.meta.dirname, '../../.cache/mongo/bin/secantusd-py')

/**
 * A MongoDB of the test's own, or a server for tests that speaks its protocol, on the same storage engine. What it has
 * acknowledged as journalled is there after a kill. `null`: there is none, and the test is skipped.
 */
export async function startMongo(t: TestContext): Promise<(ServerProcess & { url: string }) | null> {
  const command = mongoCommand()
  if (!requireStore(t, 'mongodb', command !== null) || command === null) return null
  const server = await startServerProcess(t, command)
  return Object.assign(server, { url: `mongodb://127.0.0.1:${server.port}/gatehouse` })
}

/** An empty database on the server that `MONGODB_URL` names, else on one for this file alone; `null` as above. */
export async function createMongoDatabase(t: TestContext): Promise<{ url: string } | null> {
  const command = mongoCommand()
  const { MONGODB_URL } = process.env
  if (!requireStore(t, 'mongodb', Boolean(MONGODB_URL || command))) return null
  if (!MONGODB_URL && command) ownServer ??= startServerProcess({ after: (end) => void ends.push(end) }, command)
  const url = new URL(MONGODB_URL || `mongodb://127.0.0.1:${(await ownServer)?.port}`)
  url.pathname = `/test_${randomUUID().replaceAll('-', '')}`
  t.after(async () => {
    await using client = new MongoClient(url.href)
    await client.db().dropDatabase()
  })
  return { url: url.href }
}

function mongoCommand(): ((port: number, folder: string) => string[]) | null {
  const mongod = programOnPath('mongod')
  if (mongod !== null) {
    return (port, folder) => [mongod, '--port', String(port), '--bind_ip', '127.0.0.1', '--dbpath', folder, '--quiet']
  }
  const standIn = [process.env.SECANTUSD, programOnPath('secantusd-py'), installedByCi].find(
    (file) => file && existsSync(file),
  )
  if (!standIn) return null
  return (port, folder) => [
    standIn,
    ...['--host', '127.0.0.1', '--port', String(port), '--storage-path', folder],
    ...['--cache-size', '128M', '--log-level', 'WARNING'],
  ]
}
