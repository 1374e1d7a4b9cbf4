import assert from 'node:assert/strict'
import { test } from 'node:test'
import { breakingChanges } from '#test/breaking-changes'
import { type OpenApiDocument, servedDocument } from '#test/openapi'

const document = await servedDocument()

/** The document with a part replaced; `undefined` removes it. */
function changed(path: string[], value: unknown): OpenApiDocument {
  const copy = structuredClone(document)
  const last = path.at(-1) ?? ''
  const parent = path.slice(0, -1).reduce((node, key) => {
    const next = (node as Record<string, unknown>)[key]
    assert.ok(next, `there is no ${key}`)
    return next
  }, copy as unknown) as Record<string, unknown>
  if (value === undefined) delete parent[last]
  else parent[last] = value
  return copy
}

const register = ['paths', '/api/v1/auth/register', 'post']
const registerBody = [...register, 'requestBody', 'content', 'application/json', 'schema']
const me = ['paths', '/api/v1/users/me', 'get']
const activity = ['paths', '/api/v1/users/me/activity', 'get']
const user = ['components', 'schemas', 'User']
const userFields = ['id', 'email', 'fullName', 'role', 'createdAt', 'updatedAt']

const breaking: [string, OpenApiDocument, string][] = [
  ['a removed path', changed(['paths', '/health/live'], undefined), 'GET /health/live is gone'],
  ['another operation id', changed([...me, 'operationId'], 'me'), 'GET /api/v1/users/me: the id getMe is gone'],
  ['a removed status', changed([...me, 'responses', '304'], undefined), 'GET /api/v1/users/me: the status 304 is gone'],
  [
    'a removed header',
    changed([...me, 'responses', '200', 'headers', 'ETag'], undefined),
    'GET /api/v1/users/me: the header ETag of 200 is gone',
  ],
  ['a removed field', changed([...user, 'properties', 'role'], undefined), 'GET /api/v1/users/me: 200/role is gone'],
  [
    'a field that may be missing',
    changed([...user, 'required'], userFields.slice(1)),
    'GET /api/v1/users/me: 200/id may be missing',
  ],
  [
    'another type',
    changed([...user, 'properties', 'createdAt'], { type: 'integer' }),
    'GET /api/v1/users/me: 200/createdAt has another type or format',
  ],
  [
    'a new required field of a body',
    changed([...registerBody, 'required'], ['email', 'password', 'fullName', 'phone']),
    'POST /api/v1/auth/register: body/phone is required',
  ],
  [
    'a field that a body can not have any more',
    changed([...registerBody, 'properties', 'fullName'], undefined),
    'POST /api/v1/auth/register: body/fullName is gone',
  ],
  [
    'a shorter field of a body',
    changed([...registerBody, 'properties', 'fullName', 'maxLength'], 100),
    'POST /api/v1/auth/register: body/fullName has to be shorter',
  ],
  [
    'a new required parameter',
    changed([...register, 'parameters', '0', 'required'], true),
    'POST /api/v1/auth/register: the header parameter Idempotency-Key is required',
  ],
  [
    'a narrowed list of values',
    changed([...activity, 'parameters', '2', 'schema', 'enum'], ['login']),
    'GET /api/v1/users/me/activity: query type does not take "logout"',
  ],
  [
    'a new need of a token',
    changed([...register, 'security'], [{ accessToken: [] }]),
    'POST /api/v1/auth/register: a token is needed',
  ],
]

for (const [what, after, line] of breaking) {
  test(`${what} breaks clients`, () =>
    assert.ok(breakingChanges(document, after).includes(line), breakingChanges(document, after).join('\n')))
}

test('what is added breaks nobody', () => {
  const additions = [
    changed(['paths', '/api/v1/new'], document.paths['/health/live']),
    changed([...user, 'properties', 'nickname'], { type: 'string' }),
    changed([...registerBody, 'properties', 'nickname'], { type: 'string' }),
    changed([...registerBody, 'properties', 'fullName', 'maxLength'], 300),
    changed([...me, 'responses', '410'], { description: 'Gone' }),
    document,
  ]
  for (const after of additions) assert.deepEqual(breakingChanges(document, after), [])
})
