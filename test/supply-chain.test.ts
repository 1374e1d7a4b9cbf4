import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import manifest from '../package.json' with { type: 'json' }

interface Locked {
  version?: string
  resolved?: string
  integrity?: string
  hasInstallScript?: boolean
  link?: boolean
}

const lockFile = readFileSync(join(import.meta.dirname, '../package-lock.json'), 'utf8')
const locked = Object.entries((JSON.parse(lockFile) as { packages: Record<string, Locked> }).packages)
const dependencies = locked.filter(([path, { link }]) => path.includes('node_modules/') && !link)
const nameOf = (path: string) => path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length)

test('no dependency runs an install script that is not on the allow list', () => {
  const allowed = new Map(Object.entries(manifest.allowScripts))
  const scripted = dependencies.filter(([, { hasInstallScript }]) => hasInstallScript).map(([path]) => nameOf(path))
  assert.deepEqual(
    scripted.filter((name) => allowed.get(name) === undefined),
    [],
  )
})

test('every dependency is an exact version, in the manifest and in the lock file', () => {
  const exact = /^(?:file:client|\d+\.\d+\.\d+(-[\w.]+)?)$/
  const wanted = Object.entries({ ...manifest.dependencies, ...manifest.devDependencies })
  assert.deepEqual(
    wanted.filter(([, version]) => !exact.test(version)),
    [],
  )
  assert.deepEqual(
    dependencies.filter(([, { integrity }]) => integrity === undefined).map(([path]) => path),
    [],
  )
})

test('the lock file records no download addresses', () => {
  assert.deepEqual(
    dependencies.filter(([, { resolved }]) => resolved !== undefined).map(([path]) => path),
    [],
  )
  assert.doesNotMatch(lockFile, /https?:\/\/[^"]*\.tgz/)
})
