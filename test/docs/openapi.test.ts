import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { createConfig, lintFromString } from '@redocly/openapi-core'
import { breakingChanges } from '#test/breaking-changes'
import {
  documentPath,
  documentText,
  type JsonSchema,
  type OpenApiDocument,
  operationsOf,
  servedDocument,
  writeClientTypes,
} from '#test/openapi'

const served = await servedDocument()

test('the linter has nothing to say about the document', async () => {
  const config = await createConfig({
    extends: ['recommended-strict'],
    rules: {
      'operation-description': 'error',
      'operation-singular-tag': 'error',
      'operation-tag-defined': 'error',
      'parameter-description': 'error',
      'tag-description': 'error',
      'no-http-verbs-in-paths': 'error',
      'no-invalid-parameter-examples': 'error',
      'no-invalid-schema-examples': 'error',
      'no-required-schema-properties-undefined': 'error',
      'no-schema-type-mismatch': 'error',
    },
  })
  const problems = await lintFromString({ source: documentText(served), absoluteRef: documentPath, config })
  assert.deepEqual(
    problems.map(({ ruleId, message, location }) => `${location[0]?.pointer} ${ruleId}: ${message}`),
    [],
  )
})

test('every operation has what a reader and a generator need', () => {
  const operations = operationsOf(served)
  assert.equal(new Set(operations.map(({ id }) => id)).size, operations.length)
  for (const { id, parameters, requestBody, responses } of operations) {
    for (const { name, schema } of parameters) assert.ok(schema.examples?.[0], `${id}: ${name} has no example`)
    assert.ok(!requestBody || requestBody.content['application/json'].example, `${id}: the body has no example`)
    for (const [status, { content }] of Object.entries(responses)) {
      const empty = status === '204' || status === '304'
      assert.equal(content === undefined, empty, `${id}: ${status}`)
      if (Number(status) >= 400 && !(status === '503' && id.match(/Health|Readiness/))) {
        assert.deepEqual(content?.['application/json']?.schema, { $ref: '#/components/schemas/ErrorEnvelope' }, id)
      }
    }
    for (const { name, in: place, schema } of parameters) {
      if (place === 'header')
        assert.deepEqual(Object.keys(schema).sort(), ['examples', 'type'], `${id}: odd values of ${name} are served`)
    }
  }
})

test('every object of the document is closed, but for the details of an event', () => {
  const open: string[] = []
  const visit = (node: unknown, path: string) => {
    if (typeof node !== 'object' || node === null) return
    const { type, properties, additionalProperties } = node as JsonSchema
    if (type === 'object' && (properties || additionalProperties !== undefined) && additionalProperties !== false)
      open.push(path)
    for (const [key, value] of Object.entries(node)) visit(value, `${path}/${key}`)
  }
  visit(served, '')
  assert.deepEqual(open, ['/components/schemas/ActivityEvent/properties/details'])
})

test('the committed document is the served one', () => {
  assert.deepEqual(
    differences(readDocument(readFileSync(documentPath, 'utf8')), served),
    [],
    'npm run openapi mends it',
  )
})

test('the types of the client are those of the served document', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-openapi-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'openapi.json')
  writeFileSync(file, documentText(served))
  assert.doesNotThrow(() => writeClientTypes(file, ['--check']), 'npm run openapi mends it')
})

test('a change that breaks a client comes with a new major version', (t) => {
  const git = (...args: string[]) =>
    execFileSync('git', args, { encoding: 'utf8', stdio: 'pipe', maxBuffer: 2 ** 24 }).trim()
  for (const release of [() => git('describe', '--tags', '--abbrev=0', '--match', 'v[0-9]*'), () => 'HEAD']) {
    let committed: OpenApiDocument
    try {
      committed = readDocument(git('show', `${release()}:docs/openapi.json`))
    } catch {
      t.diagnostic('There is no release, or no commit, to compare with')
      continue
    }
    if (major(served) === major(committed)) assert.deepEqual(breakingChanges(committed, served), [])
  }
})

function major({ info }: OpenApiDocument): string | undefined {
  return info.version.split('.')[0]
}

function readDocument(text: string): OpenApiDocument {
  return JSON.parse(text)
}

/** Where two documents differ, by operation where it is in one. */
function differences(before: unknown, after: unknown, path = ''): string[] {
  if (typeof before !== 'object' || typeof after !== 'object' || before === null || after === null) {
    return Object.is(before, after) ? [] : [`${path}: ${JSON.stringify(before)} is served as ${JSON.stringify(after)}`]
  }
  const keys = new Set([...Object.keys(before), ...Object.keys(after)])
  return [...keys].flatMap((key) => {
    const name = path === '/paths' ? `${path}/${key.replaceAll('/', '~1')}` : `${path}/${key}`
    return differences((before as Record<string, unknown>)[key], (after as Record<string, unknown>)[key], name)
  })
}
