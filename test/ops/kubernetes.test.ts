import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { loadConfig } from '#src/config'
import { findTool, root, run } from '#test/tools'

const folder = path.join(root, 'ops/kubernetes')
const read = (file: string) => readFileSync(path.join(folder, file), 'utf8')
const manifests = readdirSync(folder).filter((file) => file !== 'kustomization.yaml')
// Only its own operator knows it.
const custom = ['service-monitor.yaml']

test('Kubernetes knows every property of the manifests', async (t) => {
  const validate = findTool(t, 'kubernetes-validate')
  if (validate === null) return
  const files = manifests.filter((file) => !custom.includes(file))
  const { status, output } = await run(validate, ['--strict', ...files], { cwd: folder })
  assert.equal(status, 0, output)
  for (const file of files) assert.ok(output.includes(`${file} passed`), output)
})

test('the base consists of all manifests', () => {
  const listed = [...read('kustomization.yaml').matchAll(/^ {2}- ([\w-]+\.yaml)$/gm)].map(([, file]) => file)
  assert.deepEqual(listed.toSorted(), manifests.toSorted())
})

test('the service takes the configuration, and a pod has the time that its stop may take', () => {
  const values = [...read('config-map.yaml').matchAll(/^ {2}([A-Z_]+): '?([^'\n]+)'?$/gm)].map(
    ([, name = '', value]) => [name, value],
  )
  const config = loadConfig({
    ...Object.fromEntries(values),
    POSTGRES_URL: 'postgres://gatehouse@postgres/gatehouse',
    REDIS_URL: 'redis://redis',
    MONGODB_URL: 'mongodb://mongodb/gatehouse',
    JWT_SECRET_KEY: 'the key of this test, of 32 bytes or more',
  })
  assert.equal(config.NODE_ENV, 'production')
  const [, seconds] = /terminationGracePeriodSeconds: (\d+)/.exec(read('deployment.yaml')) ?? []
  const stopMs: number = config.SHUTDOWN_GRACE_MS + config.SHUTDOWN_TIMEOUT_MS
  assert.ok(Number(seconds) * 1000 > stopMs, `${seconds} s for ${stopMs} ms`)
})
