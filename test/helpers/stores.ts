import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import path from 'node:path'
import type { TestContext } from 'node:test'

const required = new Set((process.env.REQUIRE_STORES ?? '').split(/[\s,]+/))

/**
 * Whether a test can go on that needs a store or a tool. Without it the test is skipped, unless `REQUIRE_STORES` (names
 * with commas between) lists it: then the test fails, so that nothing is skipped where everything is installed.
 * @param name as in `REQUIRE_STORES`, such as `redis`
 */
export function requireStore(t: TestContext, name: string, available: boolean): boolean {
  if (available) return true
  assert.ok(!required.has(name), `${name} is required by REQUIRE_STORES and not installed`)
  t.skip(`${name} is not installed`)
  return false
}

/** The program's file, or `null` where it is not installed. */
export function programOnPath(name: string): string | null {
  const folders = (process.env.PATH ?? '').split(path.delimiter)
  return folders.map((folder) => path.join(folder, name)).find((file) => existsSync(file)) ?? null
}
