import { randomBytes } from 'node:crypto'
import { AppError, unavailable, validationError } from '#src/errors'

/** argon2id's cost, as in RFC 9106. */
export interface Argon2Cost {
  memoryKib: number
  timeCost: number
  parallelism: number
}

/**
 * The hash function and its check, from a binding. A check of a malformed hash rejects; what rejects with an `AppError`
 * could not be done.
 */
interface Argon2 {
  hash(password: string, cost: Argon2Cost): Promise<string>
  verify(hash: string, password: string): Promise<boolean>
}

interface Dependencies {
  argon2: Argon2
  cost: Argon2Cost
  /** In code points. */
  minLength: number
  isCommon(password: string): boolean
  /** Runs a hash when a place is free. @throws AppError `ServiceUnavailableError` when the queue is full */
  bounded<T>(work: () => Promise<T>): Promise<T>
  /** Told of a stored hash that can not be read: somebody has to look. */
  onMalformedHash(error: unknown): void
}

/** Checks, hashes and verifies passwords. */
export type Passwords = ReturnType<typeof createPasswords>

/** The shortest local part of an address that a password must not contain; shorter ones are in too many words. */
const MIN_LOCAL_PART = 3

// A PHC string from elsewhere could make one verification take minutes: nothing above these costs is run.
const MAX_COST: Argon2Cost = { memoryKib: 256 * 1024, timeCost: 10, parallelism: 4 }

/**
 * Passwords by the rules of NIST SP 800-63B-4 (3.1.1.2): length counts, composition does not, common ones are refused.
 * Hashes are argon2id in PHC form.
 */
export function createPasswords(deps: Dependencies) {
  const { argon2, bounded, cost } = deps
  // What an unknown address is checked against, so that it takes as long as a known one.
  const dummyHash = hashOfNothing(cost)

  const verifyHash = async (hash: string, password: string): Promise<boolean> => {
    try {
      const stored = parseCost(hash)
      if (stored === null || exceeds(stored, MAX_COST)) throw new Error('the hash is malformed or too expensive')
      return await argon2.verify(hash, password)
    } catch (error) {
      if (error instanceof AppError) throw error
      deps.onMalformedHash(error)
      // Takes the time of a check, so that a caller can not tell such an account from others.
      await argon2.verify(dummyHash, password)
      return false
    }
  }

  return {
    /**
     * @param pointer where the password stands in the request
     * @throws AppError `ValidationError` when it is too short, common, or contains the local part of the address
     */
    check(password: string, email: string, pointer: string): void {
      const normalised = password.normalize('NFC')
      if ([...normalised].length < deps.minLength) {
        throw validationError(pointer, 'minLength', `must have at least ${deps.minLength} characters`)
      }
      if (deps.isCommon(normalised)) throw validationError(pointer, 'common', 'must not be a common password')
      const localPart = email.slice(0, email.lastIndexOf('@')).toLowerCase()
      if (localPart.length >= MIN_LOCAL_PART && normalised.toLowerCase().includes(localPart)) {
        throw validationError(pointer, 'containsEmail', 'must not contain the e-mail address')
      }
    },

    /** @throws AppError `ServiceUnavailableError` when too many wait, or it could not be hashed */
    hash(password: string): Promise<string> {
      return bounded(() => argon2.hash(password.normalize('NFC'), cost))
    },

    /**
     * Whether the password has the hash. Without a hash the answer is `false` after the same time.
     * @throws AppError `ServiceUnavailableError` when too many wait, or it could not be checked
     */
    verify(hash: string | null, password: string): Promise<boolean> {
      const normalised = password.normalize('NFC')
      return bounded(async () => {
        const matches = await verifyHash(hash ?? dummyHash, normalised)
        return matches && hash !== null
      })
    },

    /** Whether the hash was made at another cost than the configured one. */
    needsRehash(hash: string): boolean {
      const stored = parseCost(hash)
      return stored === null || exceeds(stored, cost) || exceeds(cost, stored)
    },
  }
}

/** The answer when the queue of hashes is full. */
export function hashQueueFull(retryAfterSeconds: number) {
  return unavailable('Too many passwords are being checked', undefined, retryAfterSeconds)
}

/** The answer when a password was neither hashed nor found wrong. */
export function hashThreadLost(cause: unknown) {
  return unavailable('The password could not be checked', cause)
}

/** A hash in PHC form that no password has: checking against it costs what any check costs. */
function hashOfNothing({ memoryKib, timeCost, parallelism }: Argon2Cost): string {
  const [salt, digest] = [16, 32].map((bytes) => randomBytes(bytes).toString('base64').replaceAll('=', ''))
  return `$argon2id$v=19$m=${memoryKib},t=${timeCost},p=${parallelism}$${salt}$${digest}`
}

function parseCost(hash: string): Argon2Cost | null {
  const match = /^\$argon2id\$v=19\$m=(\d{1,9}),t=(\d{1,9}),p=(\d{1,9})\$/.exec(hash)
  return match && { memoryKib: Number(match[1]), timeCost: Number(match[2]), parallelism: Number(match[3]) }
}

function exceeds(a: Argon2Cost, b: Argon2Cost): boolean {
  return a.memoryKib > b.memoryKib || a.timeCost > b.timeCost || a.parallelism > b.parallelism
}
