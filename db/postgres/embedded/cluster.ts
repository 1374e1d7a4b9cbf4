import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { chown, mkdir, readdir, readFile, realpath, rename, rm, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import type { Binaries } from './binaries.ts'
import { type Identity, spawnAs } from './identity.ts'
import { isAlive } from './processes.ts'

const SUPERUSER = 'gatehouse'

/** Where an embedded cluster keeps what. */
export interface Cluster {
  root: string
  data: string
  password: string
  log: string
  /** Who stops the server. */
  owner: string
}

function clusterAt(root: string): Cluster {
  return {
    root,
    data: path.join(root, 'data'),
    password: path.join(root, 'password'),
    log: path.join(root, 'postgres.log'),
    owner: path.join(root, 'owner'),
  }
}

/**
 * The cluster in `<dataDir>/postgres`, made if there is none. It appears under its name only when it is whole, so a
 * process killed half way leaves a folder that the next start removes; of two that make it at once, one wins.
 * @param sync whether to wait until the new files are on the disk
 */
export async function ensureCluster(
  dataDir: string,
  binaries: Binaries,
  identity: Identity | undefined,
  sync: boolean,
): Promise<Cluster> {
  await mkdir(dataDir, { recursive: true })
  // One spelling of the path for all processes: by it they recognise the server.
  const cluster = clusterAt(path.join(await realpath(dataDir), 'postgres'))
  if (await exists(cluster.data)) return cluster
  await removeLeftovers(cluster.root)

  const draft = clusterAt(`${cluster.root}.new-${process.pid}`)
  try {
    await mkdir(draft.root, { mode: 0o700 })
    await writeFile(draft.password, randomBytes(24).toString('base64url'), { mode: 0o600 })
    if (identity) await Promise.all([draft.root, draft.password].map((file) => chown(file, identity.uid, identity.gid)))
    await initdb(draft, binaries, identity, sync)
    await rename(draft.root, cluster.root)
  } catch (error) {
    await rm(draft.root, { recursive: true, force: true })
    if (!(await exists(cluster.data))) throw error
  }
  return cluster
}

/** The address of the cluster's server on `port`. */
export async function clusterUrl(cluster: Cluster, port: number): Promise<string> {
  const password = await readFile(cluster.password, 'utf8')
  return `postgres://${SUPERUSER}:${password}@127.0.0.1:${port}/postgres`
}

async function initdb(cluster: Cluster, binaries: Binaries, identity: Identity | undefined, sync: boolean) {
  const child = spawnAs(
    identity,
    binaries.initdb,
    [
      ...['--pgdata', cluster.data, '--username', SUPERUSER, '--pwfile', cluster.password, '--auth=scram-sha-256'],
      // The same sort order and upper case everywhere, whatever the machine's locale is.
      ...['--encoding=UTF8', '--no-locale', '--locale-provider=builtin', '--builtin-locale=C.UTF-8'],
      ...(sync ? [] : ['--no-sync']),
    ],
    { data: cluster.data, stdio: ['ignore', 'ignore', 'pipe'] },
  )
  const [[code], complaint] = await Promise.all([
    once(child, 'exit').catch((error: Error) => [error.message]),
    child.stderr ? text(child.stderr) : '',
  ])
  if (code !== 0)
    throw new Error(`Could not make a database in ${cluster.root} (DATA_DIR): ${complaint.trim() || code}`)
}

async function removeLeftovers(root: string): Promise<void> {
  const prefix = `${path.basename(root)}.new-`
  for (const name of await readdir(path.dirname(root))) {
    if (!name.startsWith(prefix) || isAlive(Number(name.slice(prefix.length)))) continue
    await rm(path.join(path.dirname(root), name), { recursive: true, force: true })
  }
}

function exists(file: string): Promise<boolean> {
  return stat(file).then(
    () => true,
    () => false,
  )
}
