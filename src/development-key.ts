import { randomBytes } from 'node:crypto'
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const KEY_BYTES = 32

/** A key for one process. */
export function temporaryKey(): string {
  return randomBytes(KEY_BYTES).toString('base64url')
}

/**
 * The key kept in a folder, for this user's eyes only; made at the first call.
 * @throws Error when the folder can not be used or the file is damaged
 */
export function developmentKey(directory: string): string {
  const path = join(directory, 'jwt-secret-key')
  return readKey(path) ?? keepKey(path, directory)
}

// A link appears whole or not at all: of two processes that start together, one's key is there for both.
function keepKey(path: string, directory: string): string {
  mkdirSync(directory, { recursive: true })
  const draft = `${path}.${process.pid}`
  writeFileSync(draft, temporaryKey(), { mode: 0o600, flush: true })
  try {
    linkSync(draft, path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    rmSync(draft)
  }
  return readKey(path) ?? keepKey(path, directory)
}

function readKey(path: string): string | undefined {
  try {
    const key = readFileSync(path, 'utf8')
    if (Buffer.from(key, 'base64url').length !== KEY_BYTES) throw new Error(`${path} is damaged; remove it`)
    return key
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
