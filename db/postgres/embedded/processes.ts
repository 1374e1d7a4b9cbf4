import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'

const POLL_MS = 10

/** Whether the id is in use, be it by a process of ours or not, running or ended. */
export function isTaken(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** Whether a process with this id runs. One that ended keeps its id until its parent asks, which an adopter may never do. */
export function isAlive(pid: number): boolean {
  return isTaken(pid) && !isZombie(pid)
}

function isZombie(pid: number): boolean {
  if (process.platform !== 'linux') return false
  try {
    // proc_pid_stat(5): the state follows the command's name, which is in parentheses.
    return / Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\)/, ''))
  } catch {
    return false
  }
}

/** The command line of a process; empty where there is none. Ids are used again, so an id alone proves nothing. */
export async function commandOf(pid: number): Promise<string> {
  try {
    if (process.platform === 'linux') {
      return (await readFile(`/proc/${pid}/cmdline`, 'utf8')).replaceAll('\0', ' ').trim()
    }
    return (await promisify(execFile)('ps', ['-ww', '-o', 'args=', '-p', String(pid)])).stdout.trim()
  } catch {
    return ''
  }
}

/** Sends one signal after the other until the process is gone, giving it the time that goes with each. */
export async function terminate(pid: number, signals: readonly [NodeJS.Signals, graceMs: number][]): Promise<void> {
  for (const [signal, graceMs] of signals) {
    if (!isAlive(pid)) return
    process.kill(pid, signal)
    const deadline = Date.now() + graceMs
    while (isAlive(pid) && Date.now() < deadline) await sleep(POLL_MS)
  }
}
