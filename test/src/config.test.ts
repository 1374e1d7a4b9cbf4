import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { parseEnv, promisify } from 'node:util'
import { ConfigError, environmentLayers, loadConfig } from '#src/config'

const root = join(import.meta.dirname, '..', '..')
const key = 'k'.repeat(32)
const production = {
  NODE_ENV: 'production',
  POSTGRES_URL: 'postgres://u:p@db/app',
  REDIS_URL: 'rediss://cache',
  MONGODB_URL: 'mongodb://a:27017,b:27017/app',
  JWT_SECRET_KEY: key,
}

function problemsOf(env: Record<string, string>): readonly string[] {
  try {
    loadConfig({ NODE_ENV: 'test', ...env })
    return []
  } catch (error) {
    assert.ok(error instanceof ConfigError)
    return error.problems
  }
}

function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-'))
  t.after(() => rmSync(folder, { recursive: true }))
  return folder
}

test('values are parsed and the whole is frozen', () => {
  const config = loadConfig({
    NODE_ENV: 'test',
    PORT: '0',
    LOG_PAYLOADS: 'true',
    RATE_LIMIT_LOGIN: '7/30',
    TRUST_PROXY: '10.0.0.0/8, ::1',
    CORS_ORIGINS: 'https://app.example.com,http://localhost:*',
    JWT_PREVIOUS_SECRET_KEYS: `${key}1,${key}2`,
  })
  assert.equal(config.PORT, 0)
  assert.equal(config.LOG_PAYLOADS, true)
  assert.deepEqual(config.RATE_LIMIT_LOGIN, { max: 7, windowSeconds: 30 })
  assert.deepEqual(config.TRUST_PROXY, ['10.0.0.0/8', '::1'])
  assert.deepEqual(config.CORS_ORIGINS, ['https://app.example.com', 'http://localhost:*'])
  assert.deepEqual(config.JWT_PREVIOUS_SECRET_KEYS, [`${key}1`, `${key}2`])
  for (const part of [config, config.CORS_ORIGINS, config.RATE_LIMIT_DEFAULT]) assert.ok(Object.isFrozen(part))
})

test('some defaults are different in production', () => {
  const defaults = (env: Record<string, string>) => {
    const { CORS_ORIGINS, MIGRATE_ON_START, SHUTDOWN_GRACE_MS } = loadConfig(env)
    return { CORS_ORIGINS, MIGRATE_ON_START, SHUTDOWN_GRACE_MS }
  }
  assert.deepEqual(defaults(production), { CORS_ORIGINS: [], MIGRATE_ON_START: false, SHUTDOWN_GRACE_MS: 2000 })
  assert.deepEqual(defaults({ NODE_ENV: 'test' }), {
    CORS_ORIGINS: ['http://localhost:*'],
    MIGRATE_ON_START: true,
    SHUTDOWN_GRACE_MS: 0,
  })
})

test('an empty variable is one that is not set, but for the key', () => {
  assert.equal(loadConfig({ NODE_ENV: 'test', PORT: '', POSTGRES_URL: '' }).PORT, 3000)
  assert.deepEqual(problemsOf({ JWT_SECRET_KEY: '' }), ['JWT_SECRET_KEY must not be empty'])
})

test('every problem is listed at once, and no secret with it', () => {
  const problems = problemsOf({
    ...production,
    PORT: '65536',
    LOG_PAYLOADS: 'true',
    CORS_ORIGINS: 'https://app.example.com,*',
    JWT_SECRET_KEY: 'too-short-a-secret',
    RETRY_MIN_MS: '20000',
    POSTGRES_URL: 'http://user:hunter2@db/app',
    REDIS_URL: '',
  })
  assert.deepEqual(
    problems.map((problem) => problem.split(' ')[0]),
    ['PORT', 'POSTGRES_URL', 'REDIS_URL', 'JWT_SECRET_KEY', 'CORS_ORIGINS', 'LOG_PAYLOADS', 'RETRY_MIN_MS'],
  )
  assert.doesNotMatch(problems.join(), /hunter2|too-short-a-secret/)
})

test('production needs its stores and its key', () => {
  assert.deepEqual(problemsOf({ NODE_ENV: 'production' }), [
    'POSTGRES_URL is required in production',
    'REDIS_URL is required in production',
    'MONGODB_URL is required in production',
    'JWT_SECRET_KEY is required in production',
  ])
})

test('what runs in ENVIRONMENT=production does not run as anything else', () => {
  assert.deepEqual(problemsOf({ ENVIRONMENT: 'production' }), ['NODE_ENV must be production where ENVIRONMENT is'])
  assert.deepEqual(problemsOf({ ...production, ENVIRONMENT: 'production' }), [])
})

test('no value of .env.example is taken for a secret, in any environment', () => {
  const example = readFileSync(join(root, '.env.example'), 'utf8').replaceAll(/^# (?=\w+=)/gm, '')
  const values = Object.values(parseEnv(example)).filter((value) => Buffer.byteLength(value ?? '') >= 32) as string[]
  assert.ok(values.includes('super-secret-change-this-in-production'))
  for (const value of values) {
    for (const env of [production, { NODE_ENV: 'test' }, { NODE_ENV: 'development' }]) {
      const asKey = { ...env, JWT_SECRET_KEY: value }
      const asPreviousKey = { ...env, JWT_SECRET_KEY: key, JWT_PREVIOUS_SECRET_KEYS: `${key}2,${value}` }
      assert.deepEqual(problemsOf(asKey), ['JWT_SECRET_KEY must not be a value from the documentation'])
      assert.equal(problemsOf(asPreviousKey).length, 1)
    }
  }
})

test('a value that looks nearly right is refused', () => {
  const wrong = {
    NODE_ENV: ['prod', 'Production'],
    PORT: ['0x10', '1e3', '-1', ' 80', '3000.5'],
    LOG_PAYLOADS: ['1', 'yes', 'TRUE'],
    LOG_LEVEL: ['verbose'],
    POSTGRES_URL: ['db/app', 'mysql://db/app', 'postgres:db'],
    REDIS_URL: ['http://cache', 'cache:6379'],
    MONGODB_URL: ['mongodb:/db', 'https://db'],
    JWT_SECRET_KEY: ['k'.repeat(31)],
    JWT_PREVIOUS_SECRET_KEYS: [`${key},`, 'short'],
    CORS_ORIGINS: [
      'app.example.com',
      'https://app.example.com/',
      'https://a.com/x',
      'https://a.com:443',
      'https://*.a.com/',
      'null',
      'http://A.com',
    ],
    TRUST_PROXY: ['true', '1', '10.0.0.0/33', '0.0.0.0/0', '10.0.0.1/', 'localhost', '10.0.0.0/8,'],
    RATE_LIMIT_LOGIN: ['5', '5/', '0/60', '5/0', '1000000001/60', '5/60/1'],
    METRICS_TOKEN: ['two words'],
    PASSWORD_MIN_LENGTH: ['7', '129'],
  }
  for (const [name, values] of Object.entries(wrong)) {
    for (const value of values) {
      const [problem, ...more] = problemsOf({ [name]: value })
      assert.ok(problem?.startsWith(`${name} must`), `${name}=${value} gives ${problem}`)
      assert.deepEqual(more, [])
    }
  }
})

test('32 bytes of any script are enough for a key', () => {
  assert.equal(loadConfig({ NODE_ENV: 'test', JWT_SECRET_KEY: 'é'.repeat(16) }).JWT_SECRET_KEY, 'é'.repeat(16))
})

test('in development a key is made up once, and only its user can read it', (t) => {
  const DATA_DIR = join(temporaryFolder(t), 'data')
  const first = loadConfig({ DATA_DIR }).JWT_SECRET_KEY
  assert.equal(loadConfig({ DATA_DIR }).JWT_SECRET_KEY, first)
  assert.ok(Buffer.from(first, 'base64url').length >= 32)
  assert.deepEqual(readdirSync(DATA_DIR), ['jwt-secret-key'])
  assert.equal(statSync(join(DATA_DIR, 'jwt-secret-key')).mode & 0o777, 0o600)

  writeFileSync(join(DATA_DIR, 'jwt-secret-key'), 'short')
  assert.throws(() => loadConfig({ DATA_DIR }), ConfigError)
})

test('processes that start together agree on the key', async (t) => {
  const DATA_DIR = join(temporaryFolder(t), 'data')
  const code = `import('#src/config').then(({ loadConfig }) => console.log(loadConfig(process.env).JWT_SECRET_KEY))`
  const env = { PATH: process.env.PATH, DATA_DIR }
  const run = () => promisify(execFile)(process.execPath, ['--input-type=module', '-e', code], { cwd: root, env })
  const keys = await Promise.all(Array.from({ length: 6 }, run))
  assert.equal(new Set(keys.map(({ stdout }) => stdout)).size, 1)
  assert.deepEqual(readdirSync(DATA_DIR), ['jwt-secret-key'])
})

test('the file .env yields to the environment and is not read in production', (t) => {
  const folder = temporaryFolder(t)
  const merged = (env: Record<string, string>) =>
    Object.assign(
      {},
      ...environmentLayers(env, folder)
        .map(({ values }) => values)
        .reverse(),
    )
  assert.deepEqual(merged({ PORT: '1' }), { PORT: '1' })

  writeFileSync(join(folder, '.env'), 'PORT=2\nHOST=::1\n')
  assert.deepEqual(merged({ PORT: '1' }), { PORT: '1', HOST: '::1' })
  assert.deepEqual(merged({ NODE_ENV: 'production' }), { NODE_ENV: 'production' })
})

test('config:check shows each value and its source, and no secret', async (t) => {
  const folder = temporaryFolder(t)
  writeFileSync(join(folder, '.env'), 'METRICS_TOKEN=hunter2\nREDIS_URL=redis://:hunter2@cache/1?password=hunter2\n')
  const env = { PATH: process.env.PATH, POSTGRES_URL: 'postgres://u:hunter2@db/app' }
  const check = (extra: Record<string, string>) =>
    promisify(execFile)(process.execPath, [join(root, 'src/config-check.ts')], {
      cwd: folder,
      env: { ...env, ...extra },
    })

  const { stdout } = await check({})
  assert.doesNotMatch(stdout, /hunter2/)
  assert.match(stdout, /^POSTGRES_URL +postgres:\/\/\[redacted\]@db\/app +environment$/m)
  assert.match(stdout, /^REDIS_URL +redis:\/\/\[redacted\]@cache\/1\?\[redacted\] +\.env$/m)
  assert.match(stdout, /^METRICS_TOKEN +\[redacted\] +\.env$/m)
  assert.match(stdout, /^JWT_SECRET_KEY +\[redacted\] +generated$/m)
  assert.match(stdout, /^PORT +3000 +default$/m)
  assert.deepEqual(readdirSync(folder), ['.env'])

  await assert.rejects(check({ PORT: 'x', HOST: '', LOG_LEVEL: 'x' }), (error: { code: number; stderr: string }) => {
    assert.equal(error.code, 78)
    assert.match(error.stderr, /- PORT .*- LOG_LEVEL /s)
    return true
  })
})
