// What a thread that hashes passwords runs. Such threads of our own, and not those of libuv, since each can be given the
// next hashes before it is through with what it has: it then waits for nobody in between.
import { setPriority } from 'node:os'
import { hashSync, verifySync } from '@node-rs/argon2'
import type { Argon2Cost } from '#src/auth'

/** A password to be hashed at a cost, or to be checked against a hash in PHC form. */
export type PasswordJob = { password: string } & ({ cost: Argon2Cost } | { encoded: string })

/** The hash, or whether the password has it, or why neither can be said; and how long that took. */
interface PasswordResult {
  value: string | boolean | Error
  seconds: number
}

// A tenth of what the event loop gets, where both want the same core (sched(7)).
const NICE = 10

standBack()

/** One after the other: the results are in the order of the jobs. */
export default function run(jobs: readonly PasswordJob[]): PasswordResult[] {
  return jobs.map((job) => {
    const startedAt = performance.now()
    const value = valueFor(job)
    return { value, seconds: (performance.now() - startedAt) / 1000 }
  })
}

function valueFor(job: PasswordJob): string | boolean | Error {
  try {
    if ('encoded' in job) return verifySync(job.encoded, job.password)
    const { memoryKib, timeCost, parallelism } = job.cost
    // argon2id is the binding's default.
    return hashSync(job.password, { memoryCost: memoryKib, timeCost, parallelism })
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error))
  }
}

// Elsewhere than on Linux a thread has no priority of its own, and this would be that of the whole process.
function standBack(): void {
  if (process.platform !== 'linux') return
  try {
    setPriority(NICE)
  } catch {
    // The kernel says no: it goes on as it is.
  }
}
