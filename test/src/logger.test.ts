import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pino } from 'pino'
import { loggerOptions } from '#src/logger'

type Line = Record<string, unknown> & { err: Record<string, unknown> }

async function log(write: (logger: pino.Logger) => void): Promise<Line> {
  const lines: string[] = []
  const options = await loggerOptions({ NODE_ENV: 'test', LOG_LEVEL: 'info' })
  write(pino(options as pino.LoggerOptions, { write: (line: string) => lines.push(line) }))
  assert.equal(lines.length, 1)
  return JSON.parse(lines[0] ?? '')
}

const driverFields = {
  detail: 'Key (email)=(victim@example.com)',
  where: 'w',
  hint: 'h',
  query: 'q',
  parameters: ['p'],
}

test('a line has a level, a time in UTC and a message, and nothing of the machine', async () => {
  const line = await log((logger) => logger.info('hello'))
  assert.deepEqual(Object.keys(line), ['level', 'time', 'msg'])
  assert.match(String(line.time), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
})

test('the configured level holds', async () => {
  const { level } = await loggerOptions({ NODE_ENV: 'test', LOG_LEVEL: 'warn' })
  assert.equal(level, 'warn')
})

test('of an error of the database only what is listed is logged', async () => {
  const error = Object.assign(new Error('duplicate key'), { code: '23505', constraint: 'users_email', ...driverFields })
  const { err } = await log((logger) => logger.error({ err: error }, 'failed'))
  assert.deepEqual(Object.keys(err), ['type', 'message', 'stack', 'code', 'constraint'])
})

test('the same holds for causes and parts, and a chain that closes on itself ends', async () => {
  const inner = Object.assign(new Error('inner'), driverFields)
  const outer = new AggregateError([inner, 'text', { password: 'hunter2' }], 'outer', { cause: inner })
  inner.cause = outer
  const line = await log((logger) => logger.error({ err: outer }, 'failed'))
  assert.match(JSON.stringify(line), /"message":"inner"/)
  assert.doesNotMatch(JSON.stringify(line), /victim|hunter2|"where"|"hint"|"query"|"parameters"/)
})

test('connection strings, tokens and values of duplicate keys are taken out of messages and stacks', async () => {
  const message = [
    'connect postgres://app:hunter2@db:5432/app failed',
    'mongodb+srv://app:hunter2@a,b/app',
    'redis://:hunter2@cache',
    'https://user:hunter2@proxy/',
    'Authorization: Bearer hunter2-token',
    'E11000 dup key: { email: "victim@example.com" }',
  ].join('\n')
  for (const write of [
    (logger: pino.Logger) => logger.error({ err: new Error(message) }, 'failed'),
    (logger: pino.Logger) => logger.error({ err: new Error(message) }),
    (logger: pino.Logger) => logger.error(new Error(message)),
  ]) {
    const line = JSON.stringify(await log(write))
    assert.match(line, /postgres:\/\/\[redacted\] failed/)
    assert.doesNotMatch(line, /hunter2|victim/)
  }
})

test('of a request the log shows method and path, of a response the status', async () => {
  const req = { method: 'GET', url: '/docs?token=hunter2', headers: { cookie: 'hunter2' } }
  const line = await log((logger) => logger.info({ req, res: { statusCode: 200, headers: {} } }, 'seen'))
  assert.deepEqual(line.req, { method: 'GET', path: '/docs' })
  assert.deepEqual(line.res, { statusCode: 200 })
})

test('a secret under its usual name is hidden, whoever logs it', async () => {
  const secrets = { password: 'hunter2', refreshToken: 'hunter2', authorization: 'hunter2', cookie: 'hunter2' }
  const line = await log((logger) => logger.info({ ...secrets, body: secrets, headers: secrets }, 'seen'))
  assert.doesNotMatch(JSON.stringify(line), /hunter2/)
  assert.equal(line.password, '[secret]')
})
