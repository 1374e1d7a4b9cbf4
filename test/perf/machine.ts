import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { availableParallelism, cpus, totalmem, type } from 'node:os'
import { programOnPath } from '#test/stores'

/** Cores in the notation of taskset(1). */
interface CorePlan {
  server: string
  load: string
  stores: string
}

/**
 * Where what runs, so that a server has one core for itself; with two cores the stores share that of the load.
 * `undefined` where processes can not be pinned: then the scheduler decides.
 */
export function planCores(): CorePlan | undefined {
  const cores = availableParallelism()
  if (cores < 2 || !programOnPath('taskset')) return undefined
  return { server: '0', load: '1', stores: cores > 2 ? `2-${cores - 1}` : '1' }
}

/** A command that runs on some cores only. */
export function pinned(cores: string | undefined, command: string, args: readonly string[]): [string, string[]] {
  return cores === undefined ? [command, [...args]] : ['taskset', ['-c', cores, command, ...args]]
}

/** Moves a running process, and what it will start, to some cores. */
export function pin(pid: number, cores: string | undefined): void {
  if (cores !== undefined) execFileSync('taskset', ['-acp', cores, String(pid)], { stdio: 'ignore' })
}

/** A command that runs before all others as soon as it has something to do; where that is not allowed, like any other. */
export function runsFirst(command: string, args: readonly string[]): [string, string[]] {
  const firstInFirstOut = ['--fifo', '1']
  const isAllowed = spawnSync('chrt', [...firstInFirstOut, process.execPath, '--version']).status === 0
  return isAllowed ? ['chrt', [...firstInFirstOut, command, ...args]] : [command, [...args]]
}

/** User and system time of a process so far, in microseconds; `undefined` where /proc does not tell. */
export function cpuMicros(pid: number): number | undefined {
  try {
    // proc_pid_stat(5): utime and stime, in ticks of 10 ms, follow the command's name as the 12th and 13th field.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /, '')
      .split(' ')
    return (Number(fields[11]) + Number(fields[12])) * 10_000
  } catch {
    return undefined
  }
}

/** Resident memory of a process in MB; `undefined` where /proc does not tell. */
export function rssMb(pid: number): number | undefined {
  try {
    const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
    return kilobytes === undefined ? undefined : Number(kilobytes) / 1024
  } catch {
    return undefined
  }
}

/** One line about the machine that a measurement was taken on. */
export function describeMachine(): string {
  const cores = cpus()
  const model = cores[0]?.model.trim() ?? 'unknown processor'
  const memory = `${Math.round(totalmem() / 2 ** 30)} GB`
  return `${cores.length} cores of ${model}, ${memory}, ${type()}, Node.js ${process.version}`
}
