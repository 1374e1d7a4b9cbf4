import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AppError } from '#src/errors'
import { toAppError } from '../../db/postgres/errors.ts'

const fromServer = (code: string) => Object.assign(new Error('refused'), { severity: 'ERROR', code })
const fromNetwork = (code: string) => Object.assign(new Error(`connect ${code}`), { code })

const temporary = [
  ...['08006', '53300', '57P01', '57P03', '57014', '55P03', '25P03', '40P01', '40001'].map(fromServer),
  ...['42P01', '42703'].map(fromServer),
  ...['ECONNREFUSED', 'ECONNRESET', 'ETIMEDOUT', 'ENOTFOUND', 'EPIPE'].map(fromNetwork),
  new Error('timeout exceeded when trying to connect'),
  new Error('Query read timeout'),
  new Error('Connection terminated unexpectedly'),
  new Error('Client has encountered a connection error and is not queryable'),
]

const lasting = [
  ...['23505', '22021', '22P02', '25P02', '42601', '28P01'].map(fromServer),
  new Error('Query values must be an array'),
  new AppError('NotFoundError', 'There is no such session'),
  'not an error',
]

test('a database that is down, slow or not migrated is unavailable, and the error says why to us only', () => {
  for (const error of temporary) {
    const shown = toAppError(error)
    assert.ok(shown instanceof AppError, String(error))
    assert.equal(shown.name, 'ServiceUnavailableError')
    assert.equal(shown.message, 'The database is not available')
    assert.equal(shown.cause, error)
  }
})

test('an error of ours stays what it is', () => {
  for (const error of lasting) assert.equal(toAppError(error), error)
})
