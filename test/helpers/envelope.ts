import assert from 'node:assert/strict'
import type { ErrorName } from '#src/errors'
import { type ErrorEnvelope, errorRegistry } from '#src/schemas'
import { securityHeaders } from '#src/security-headers'

/** An answer in the terms that `inject`, `fetch` and a raw socket share. Header names are in lower case. */
export interface Answer {
  statusCode: number
  headers: Record<string, unknown>
  body: string
}

/** Checks that an answer is the error envelope in every respect, and returns it. `path` is not checked if left out. */
export function assertEnvelope({ statusCode, headers, body }: Answer, name: ErrorName, path?: string): ErrorEnvelope {
  const { status } = errorRegistry[name]
  const envelope = JSON.parse(body) as ErrorEnvelope
  assert.equal(envelope.name, name, body)
  assert.equal(statusCode, status)
  assert.deepEqual(Object.keys(envelope).sort(), [
    'correlationId',
    'data',
    'message',
    'name',
    'path',
    'statusCode',
    'success',
    'timestamp',
  ])
  assert.equal(envelope.success, false)
  assert.equal(envelope.statusCode, status)
  assert.ok(envelope.message)
  assert.match(envelope.correlationId, /^[A-Za-z0-9._-]{1,128}$/)
  assert.equal(envelope.correlationId, headers['x-correlation-id'])
  assert.equal(new Date(envelope.timestamp).toISOString(), envelope.timestamp)
  if (path !== undefined) assert.equal(envelope.path, path)
  assert.ok(Array.isArray(envelope.data.errors))
  for (const item of envelope.data.errors) assert.deepEqual(Object.keys(item).sort(), ['code', 'message', 'pointer'])

  assert.equal(headers['content-type'], 'application/json; charset=utf-8')
  assert.equal(Number(headers['content-length']), Buffer.byteLength(body))
  for (const [header, value] of Object.entries(securityHeaders)) assert.equal(headers[header], value, header)
  assert.equal(/^Bearer /.test(String(headers['www-authenticate'])), status === 401)
  assert.equal(/^[1-9]\d*$/.test(String(headers['retry-after'])), status === 429 || status === 503)
  assert.equal(headers.allow !== undefined, status === 405)
  return envelope
}
