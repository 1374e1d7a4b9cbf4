// Runs the tests of the files that are named: test files themselves, and those at the mirrored place.
import { spawnSync } from 'node:child_process'
import { globSync } from 'node:fs'
import { basename, dirname } from 'node:path'

/** The test files that belong to a changed file. */
export function testsOf(file: string): string[] {
  if (file.endsWith('.test.ts')) return globSync(file)
  if (!/^(src|db|plugins|routes)\//.test(file)) return []
  const own = globSync(`test/${file.replace(/\.ts$/, '')}.test.ts`)
  // A part of a concept is tested with its neighbours, or with those of the folder above.
  for (let folder = dirname(file); own.length === 0 && folder.includes('/'); folder = dirname(folder)) {
    own.push(
      ...globSync(`test/${folder}/*.test.ts`),
      ...globSync(`test/${dirname(folder)}/${basename(folder)}.test.ts`),
    )
  }
  return own.length > 0 ? own : globSync(`test/${file.split('/')[0]}/*.test.ts`)
}

if (import.meta.main) {
  const files = [...new Set(process.argv.slice(2).flatMap(testsOf)), 'test/imports.test.ts']
  const setup = '--test-global-setup=test/helpers/global-setup.ts'
  const { status } = spawnSync(process.execPath, ['--test', setup, ...files], { stdio: 'inherit' })
  process.exitCode = status ?? 1
}
