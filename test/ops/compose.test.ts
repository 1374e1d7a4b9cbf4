import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { copyFile, mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { ConfigError, loadConfig } from '#src/config'
import { findTool, root, run } from '#test/tools'

/** What is looked at of the file as the parser understands it. */
interface Model {
  services: Record<
    string,
    {
      environment?: Record<string, string>
      networks: Record<string, { ipv4_address?: string } | null>
      stop_grace_period?: string
      volumes?: { type: string; source: string }[]
    }
  >
}

const text = readFileSync(path.join(root, 'compose.yaml'), 'utf8')
const secrets = /for name in (.+); do/.exec(text)?.[1]?.split(' ') ?? []

/**
 * The file as the parser of `docker compose` reads it, in a folder of its own, beside a copy of `.env.example`.
 * @param variables what else the `.env` sets
 */
async function load(t: TestContext, variables: Record<string, string> = {}): Promise<Model | null> {
  const parser = findTool(t, 'compose')
  if (parser === null) return null
  const folder = await mkdtemp(path.join(os.tmpdir(), 'gatehouse-compose-'))
  t.after(() => rm(folder, { recursive: true }))
  await copyFile(path.join(root, 'compose.yaml'), path.join(folder, 'compose.yaml'))
  await copyFile(path.join(root, '.env.example'), path.join(folder, '.env'))
  const parse = (...options: string[]) => run(parser, ['-format', 'json', ...options, 'compose.yaml'], { cwd: folder })

  const accepted = await parse()
  assert.equal(accepted.status, 0, accepted.output)
  // The parser's own command knows no variables, neither those of `.env` nor others.
  const { output } = await parse('-no-interpolation')
  const filled = output.replace(/\$\{(\w+)-\}/g, (_reference, name: string) => variables[name] ?? '')
  return JSON.parse(filled.replaceAll(`${folder}/`, '')) as Model
}

const withSecrets = (t: TestContext) =>
  load(t, Object.fromEntries(secrets.map((name) => [name, `the-${name}-of-this-test-0123456789`])))

test('Compose accepts the file with the example configuration, and the service refuses to start on it', async (t) => {
  const model = await load(t)
  if (!model) return
  for (const name of ['gatehouse-1', 'gatehouse-2', 'migrate']) {
    assert.throws(
      () => loadConfig(model.services[name]?.environment),
      (error) =>
        error instanceof ConfigError && error.problems.some((problem) => problem.startsWith('JWT_SECRET_KEY ')),
    )
  }
})

test('with the secrets that the file names, the service takes its configuration', async (t) => {
  const model = await withSecrets(t)
  if (!model) return
  for (const name of ['gatehouse-1', 'gatehouse-2', 'migrate']) {
    const config = loadConfig(model.services[name]?.environment)
    assert.equal(config.NODE_ENV, 'production')
    assert.match(String(config.POSTGRES_URL), /:the-POSTGRES_PASSWORD-[^@]+@postgres:/)
    assert.match(String(config.REDIS_URL), /:the-REDIS_PASSWORD-[^@]+@redis:/)
    assert.match(String(config.MONGODB_URL), /:the-MONGODB_PASSWORD-[^@]+@mongodb:/)
    assert.match(String(config.METRICS_TOKEN), /^the-METRICS_TOKEN-/)
  }
})

test('the file asks for no other secret than it names', () => {
  const used = [...text.matchAll(/(?<!\$)\$\{(\w+)|environment: ([A-Z_]+)$/gm)].map(
    ([, variable, secret]) => variable ?? secret,
  )
  assert.deepEqual([...new Set(used)].sort(), secrets.toSorted())
})

test('an instance has the time that its stop may take, and trusts the load balancer alone', async (t) => {
  const model = await withSecrets(t)
  if (!model) return
  const balancer = model.services.balancer?.networks.service?.ipv4_address
  for (const name of ['gatehouse-1', 'gatehouse-2']) {
    const config = loadConfig(model.services[name]?.environment)
    const stopMs: number = config.SHUTDOWN_GRACE_MS + config.SHUTDOWN_TIMEOUT_MS
    assert.ok(Number.parseInt(model.services[name]?.stop_grace_period ?? '', 10) * 1000 > stopMs, name)
    assert.deepEqual(config.TRUST_PROXY, [balancer])
  }
})

test('the load balancer knows the instances, and every file that is mounted is there', async (t) => {
  const model = await withSecrets(t)
  if (!model) return
  const servers = readFileSync(path.join(root, 'ops/haproxy.cfg'), 'utf8').matchAll(/^ +server \S+ (\S+):3000$/gm)
  const instances = Object.keys(model.services).filter((name) => /^gatehouse-\d$/.test(name))
  assert.deepEqual(
    [...servers].map(([, name]) => name),
    instances,
  )
  for (const { volumes = [] } of Object.values(model.services)) {
    for (const { type, source } of volumes) {
      if (type === 'bind') assert.ok(existsSync(path.join(root, source)), `${source} is not there`)
    }
  }
})
