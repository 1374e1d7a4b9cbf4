import { readFile, rm, writeFile } from 'node:fs/promises'
import type { Cluster } from './cluster.ts'
import { commandOf } from './processes.ts'

/**
 * Makes this process the one that stops the server, unless another live one is.
 * @returns whether it is ours
 */
export async function claim(cluster: Cluster): Promise<boolean> {
  if (await hasOtherOwner(cluster)) return false
  await writeFile(cluster.owner, `${process.pid} ${await commandOf(process.pid)}`, { mode: 0o600 })
  return true
}

/**
 * Gives the server up.
 * @returns whether it is for us to stop it: also when its owner was killed, or the folder removed
 */
export async function release(cluster: Cluster): Promise<boolean> {
  if (await hasOtherOwner(cluster)) return false
  await rm(cluster.owner, { force: true })
  return true
}

async function hasOtherOwner(cluster: Cluster): Promise<boolean> {
  const owner = await readFile(cluster.owner, 'utf8').catch(() => '')
  const pid = Number.parseInt(owner, 10)
  // The id may have gone to another process since, so the command has to be the same too.
  return pid > 0 && pid !== process.pid && owner === `${pid} ${await commandOf(pid)}`
}
