import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, cp, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { after, type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { startEmbeddedPostgres } from '#db/postgres'
import { findBinaries } from '../../db/postgres/embedded/binaries.ts'
import { ensureCluster } from '../../db/postgres/embedded/cluster.ts'
import { unprivilegedIdentity } from '../../db/postgres/embedded/identity.ts'
import { isAlive } from '../../db/postgres/embedded/processes.ts'
import { endServer, ensureServer } from '../../db/postgres/embedded/server.ts'

const flags = { fsync: 'off' }
const isRoot = process.getuid?.() === 0

const folders: string[] = []

after(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true }))))

async function temporaryFolder(mode = 0o755): Promise<string> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'gatehouse-embedded-'))
  folders.push(folder)
  await chmod(folder, mode)
  return folder
}

async function start(t: TestContext, dataDir: string) {
  const server = await startEmbeddedPostgres({ dataDir, flags })
  t.after(() => server.stop())
  return server
}

async function ask(url: string, statement: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 1000 })
  client.on('error', () => {})
  await client.connect()
  const { rows } = await client.query({ text: statement, rowMode: 'array' })
  await client.end()
  return rows.flat()
}

async function comesBack(server: { url: string; pid: number }, formerPid: number): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt++) {
    if (server.pid !== formerPid && (await ask(server.url, 'select 1').catch(() => false))) return
    await sleep(25)
  }
  assert.fail('the server did not come back')
}

/** Another process that has started the server. */
async function startElsewhere(t: TestContext, dataDir: string) {
  const script = `
    import { startEmbeddedPostgres } from '#db/postgres'
    const { url, pid, stop } = await startEmbeddedPostgres({ dataDir: process.argv[1], flags: { fsync: 'off' } })
    process.stdin.on('end', () => stop().then(() => process.exit())).resume()
    process.stdout.write(JSON.stringify({ url, pid }))`
  const service = spawn(process.execPath, ['--input-type=module', '-e', script, dataDir], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  t.after(() => service.kill('SIGKILL'))
  const [line] = await once(service.stdout, 'data')
  return { service, ...(JSON.parse(String(line)) as { url: string; pid: number }) }
}

test('data, password and durability settings survive a stop, which leaves no process', async (t) => {
  const dataDir = path.join(await temporaryFolder(), '.data')
  const first = await startEmbeddedPostgres({ dataDir })
  await ask(first.url, 'create table kept as select 42 as value')
  assert.deepEqual(await ask(first.url, 'show fsync'), ['on'])
  await first.stop()
  assert.equal(isAlive(first.pid), false)

  const second = await start(t, dataDir)
  assert.deepEqual(await ask(second.url, 'select value from kept'), [42])
  assert.equal((await stat(path.join(dataDir, 'postgres', 'password'))).mode & 0o777, 0o600)
  assert.deepEqual(await readdir(dataDir), ['postgres'])
})

test('a server whose folder was removed is stopped all the same', async () => {
  const dataDir = await temporaryFolder()
  const server = await startEmbeddedPostgres({ dataDir, flags })
  await rm(dataDir, { recursive: true })
  await server.stop()
  assert.equal(isAlive(server.pid), false)
})

test('a wrong password is refused', async (t) => {
  const { url } = await start(t, await temporaryFolder())
  const wrong = Object.assign(new URL(url), { password: 'wrong' })
  await assert.rejects(ask(wrong.href, 'select 1'), /password authentication failed/)
})

test('what a process that was killed half way left is removed, and the cluster is made anew', async (t) => {
  const dataDir = await temporaryFolder()
  const child = spawn('true')
  await once(child, 'exit')
  await mkdir(path.join(dataDir, `postgres.new-${child.pid}`, 'data'), { recursive: true })
  const { url } = await start(t, dataDir)
  assert.deepEqual(await ask(url, 'select 1'), [1])
  assert.deepEqual(await readdir(dataDir), ['postgres'])
})

test('the server of a service that was killed is adopted, and stopped in the end', async (t) => {
  const dataDir = await temporaryFolder()
  const { service, url, pid } = await startElsewhere(t, dataDir)
  service.kill('SIGKILL')
  await once(service, 'exit')

  const adopted = await start(t, dataDir)
  assert.equal(adopted.pid, pid)
  assert.equal(adopted.url, url)
  assert.deepEqual(await ask(adopted.url, 'select 1'), [1])
  await adopted.stop()
  assert.equal(isAlive(pid), false)
})

test('a service that shares the server of another one does not stop it, and starts it again when the other one ends', async (t) => {
  const dataDir = await temporaryFolder()
  const { service, pid, url } = await startElsewhere(t, dataDir)
  const passing = await startEmbeddedPostgres({ dataDir, flags })
  assert.equal(passing.pid, pid)
  await passing.stop()
  assert.equal(isAlive(pid), true)

  const staying = await start(t, dataDir)
  service.stdin.end()
  await once(service, 'exit')
  await comesBack(staying, pid)
  assert.equal(staying.url, url)
})

test('of services that start at once on an empty folder, all get the same server', async (t) => {
  const dataDir = await temporaryFolder()
  const started = await Promise.all([startElsewhere(t, dataDir), startElsewhere(t, dataDir), start(t, dataDir)])
  assert.equal(new Set(started.map(({ url }) => url)).size, 1)
  const [first, second] = started
  for (const { service } of [first, second]) {
    service.stdin.end()
    await once(service, 'exit')
  }
})

test('a server that is killed is started again at the same address', async (t) => {
  const server = await start(t, await temporaryFolder())
  const { pid } = server
  process.kill(pid, 'SIGKILL')
  await comesBack(server, pid)
})

test('a lock that names a process of something else does not keep the server from starting', async (t) => {
  const dataDir = await temporaryFolder()
  const first = await startEmbeddedPostgres({ dataDir, flags })
  const lock = path.join(dataDir, 'postgres', 'data', 'postmaster.pid')
  const lines = (await readFile(lock, 'utf8')).split('\n')
  await first.stop()
  const stranger = spawn('sleep', ['60'])
  t.after(() => stranger.kill())
  await writeFile(lock, [stranger.pid, ...lines.slice(1)].join('\n'))

  const second = await start(t, dataDir)
  assert.deepEqual(await ask(second.url, 'select 1'), [1])
})

test('a server that does not start says why and where', async () => {
  const dataDir = await temporaryFolder()
  await assert.rejects(
    startEmbeddedPostgres({ dataDir, flags: { ...flags, shared_buffers: 'plenty' } }),
    (error: Error) => error.message.includes(dataDir) && error.message.includes('shared_buffers'),
  )
})

test('root runs it with few rights, also where data and programs are behind a folder closed to others', {
  skip: !isRoot && 'only root has a choice',
}, async (t) => {
  const folder = await temporaryFolder(0o700)
  const { initdb } = await findBinaries()
  await cp(path.dirname(path.dirname(initdb)), path.join(folder, 'native'), { recursive: true, verbatimSymlinks: true })
  const bin = path.join(folder, 'native', 'bin')
  const binaries = { initdb: path.join(bin, 'initdb'), postgres: path.join(bin, 'postgres') }
  const identity = unprivilegedIdentity()

  const cluster = await ensureCluster(path.join(folder, '.data'), binaries, identity, false)
  const { pid } = await ensureServer({ cluster, binaries, identity, flags })
  t.after(() => endServer(pid))
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  assert.match(status, new RegExp(`^Uid:\\t${identity?.uid}\\t`, 'm'))
  // capabilities(7): CAP_DAC_OVERRIDE is number 1, and nothing else is set.
  assert.match(status, /^CapEff:\t0*2$/m)
})

test('root runs it with no rights at all where all folders are open', {
  skip: !isRoot && 'only root has a choice',
}, async (t) => {
  const { pid } = await start(t, await temporaryFolder())
  assert.match(await readFile(`/proc/${pid}/status`, 'utf8'), /^CapEff:\t0+$/m)
})
