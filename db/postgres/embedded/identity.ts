import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { readFileSync, statSync } from 'node:fs'
import path from 'node:path'

/** An account of the operating system. */
export interface Identity {
  uid: number
  gid: number
}

/**
 * PostgreSQL refuses to run as root, so for root this is an account with fewer rights: `postgres`, else `nobody`.
 * `undefined` where we are not root: then it runs as we do.
 */
export function unprivilegedIdentity(): Identity | undefined {
  if (process.getuid?.() !== 0) return undefined
  const accounts = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
  const account = accounts.find(([name]) => name === 'postgres') ?? accounts.find(([name]) => name === 'nobody')
  if (!account) throw new Error('PostgreSQL does not run as root, and there is neither a user postgres nor nobody')
  return { uid: Number(account[2]), gid: Number(account[3]) }
}

/**
 * Starts `program` as `identity`, in a process group of its own, so that a Ctrl-C in our terminal does not reach it.
 *
 * A folder on the way to the program or the data may be closed to that account, as a home or a temporary folder of
 * root is. Then the process keeps, of all of root's rights, the one to pass permission checks; `no_setuid_fixup` makes
 * `access(2)`, with which PostgreSQL looks at its own program, honour it.
 */
export function spawnAs(
  identity: Identity | undefined,
  program: string,
  args: readonly string[],
  options: { data: string; stdio: NonNullable<SpawnOptions['stdio']> },
): ChildProcess {
  const settings: SpawnOptions = {
    cwd: '/',
    detached: true,
    stdio: options.stdio,
    // Nothing of ours: PGDATA, PGPORT and the locale of the terminal would change what it does.
    env: { PATH: process.env.PATH, LC_ALL: 'C' },
  }
  if (!identity) return spawn(program, args, settings)
  if ([program, options.data].every((file) => isReachable(file, identity))) {
    return spawn(program, args, { ...settings, ...identity })
  }
  const user = [`--reuid=${identity.uid}`, `--regid=${identity.gid}`, '--clear-groups']
  const passage = ['--inh-caps=+dac_override', '--ambient-caps=+dac_override', '--securebits=+no_setuid_fixup']
  return spawn('setpriv', [...user, ...passage, '--', program, ...args], settings)
}

function isReachable(file: string, { uid }: Identity): boolean {
  for (let folder = path.dirname(file); ; folder = path.dirname(folder)) {
    const { mode, uid: owner } = statSync(folder)
    const mayEnter = mode & (owner === uid ? 0o100 : 0o001)
    if (!mayEnter) return false
    if (folder === path.dirname(folder)) return true
  }
}
