import fc from 'fast-check'
import type { JsonSchema, Operation } from '#test/openapi'

/** A request as bytes are made of it. */
export interface FuzzRequest {
  method: string
  target: string
  /** In the order they are sent, repetitions included. */
  headers: [name: string, value: string][]
  body: string
}

/** Values that something on the way to the database has stumbled over. */
const hostileText = fc.oneof(
  fc.constantFrom(
    '',
    ' ',
    '\0',
    'a\0b',
    '\ud800',
    'x\udfffy',
    '😀'.repeat(300),
    'e\u0301'.repeat(100),
    '\u202e\ufeff\u200b',
    '__proto__',
    'constructor',
    "'; drop table users; --",
    '{{7*7}}',
    '../../../etc/passwd',
    '\r\nX-Injected: 1',
    'a'.repeat(5000),
    'null',
    'NaN',
    '-0',
    '9'.repeat(400),
    '0x10',
    '1e309',
  ),
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.string({ unit: 'grapheme', maxLength: 60 }),
)

const hostileValue: fc.Arbitrary<unknown> = fc.oneof(
  hostileText,
  fc.jsonValue({ maxDepth: 3 }),
  fc.constantFrom(null, true, 0, -1, 1e308, [], {}),
)

/** Values that a schema takes, as far as it says so. Formats that only the service knows come from the example. */
function valid(schema: JsonSchema, example: unknown): fc.Arbitrary<unknown> {
  if (schema.enum) return fc.constantFrom(...schema.enum)
  if (schema.properties) {
    const fields = Object.entries(schema.properties).map(([name, property]) => {
      const value = valid(property, (example as Record<string, unknown> | undefined)?.[name])
      return [name, schema.required?.includes(name) ? value : fc.option(value, { nil: undefined, freq: 2 })] as const
    })
    return fc.record(Object.fromEntries(fields))
  }
  if (schema.pattern) return fc.stringMatching(new RegExp(schema.pattern))
  if (schema.format === 'email') return fc.oneof(fc.constant(example), fc.emailAddress())
  if (schema.format === 'uuid') return fc.oneof(fc.uuid(), fc.constant(example))
  const { minLength = 0, maxLength = 30 } = schema
  const free = fc.string({ unit: 'grapheme', minLength: Math.max(1, minLength), maxLength: Math.min(30, maxLength) })
  return example === undefined ? free : fc.oneof({ weight: 3, arbitrary: fc.constant(example) }, free)
}

/** A body that fits, one with a part replaced, one of anything, and text that is no JSON. */
function bodies(operation: Operation): fc.Arbitrary<string> {
  const { schema = {}, example = {} } = operation.requestBody?.content['application/json'] ?? {}
  const fitting = valid(schema, example).map((value) => value as Record<string, unknown>)
  const field = fc.oneof(fc.constantFrom(...Object.keys(schema.properties ?? { field: 0 })), hostileText)
  const mutated = fc.tuple(fitting, field, hostileValue).map(([body, name, value]) => ({ ...body, [name]: value }))
  const json = fc.oneof({ weight: 3, arbitrary: fitting }, { weight: 3, arbitrary: mutated }, hostileValue)
  return fc.oneof(
    { weight: 8, arbitrary: json.map((value) => JSON.stringify(value) ?? '') },
    { weight: 1, arbitrary: json.map((value) => (JSON.stringify(value) ?? '').slice(0, -1)) },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        '',
        '{',
        '[]',
        'null',
        '{"a":1,"a":2}',
        '{"__proto__":{}}',
        '\ufeff{}',
        '['.repeat(9000),
        'x'.repeat(20_000),
      ),
    },
  )
}

const contentTypes = fc.oneof(
  { weight: 8, arbitrary: fc.constant('application/json') },
  fc.constantFrom(
    'application/json; charset=utf-8',
    'APPLICATION/JSON',
    'text/plain',
    'application/xml',
    '',
    'multipart/form-data',
    'application/json;',
    ';;',
    '*/*',
    'application/json, text/plain',
  ),
)

const oddHeaders = fc.array(
  fc.tuple(
    fc.constantFrom(
      'X-Correlation-Id',
      'traceparent',
      'tracestate',
      'If-Match',
      'If-None-Match',
      'Idempotency-Key',
      'Accept',
      'Accept-Encoding',
      'Origin',
      'X-Forwarded-For',
      'Cookie',
      'Range',
      'User-Agent',
      'X-Http-Method-Override',
      'Expect',
      'Upgrade',
    ),
    fc.oneof(
      fc.constantFrom(
        '',
        '*',
        '""',
        '"',
        'W/"x"',
        ',,,',
        '00-00-00-00',
        'a'.repeat(200),
        '%00',
        '100-continue',
        'websocket',
        'ä',
      ),
      // What HTTP lets through: visible characters, spaces, and bytes beyond ASCII.
      fc.string({
        unit: fc
          .integer({ min: 0x20, max: 0xff })
          .filter((code) => code !== 0x7f)
          .map((code) => String.fromCharCode(code)),
        maxLength: 40,
      }),
    ),
  ),
  { maxLength: 4 },
)

const encoded = (text: string) => encodeURIComponent(text.toWellFormed())
const segments = fc.oneof(
  hostileText.map(encoded),
  fc.constantFrom('%', '%zz', '%c3%28', '%00', '..', '%2e%2e', 'a%2fb', '%e2%82', 'x'.repeat(101)),
)

function targets(operation: Operation): fc.Arbitrary<string> {
  const inPath = operation.parameters.filter((parameter) => parameter.in === 'path')
  const inQuery = operation.parameters.filter((parameter) => parameter.in === 'query')
  const path = inPath.reduce(
    (paths, { name, schema }) =>
      fc
        .tuple(
          paths,
          fc.oneof(
            valid(schema, schema.examples?.[0]).map(String),
            segments.filter((segment) => segment !== '' && !segment.includes('..')),
          ),
        )
        .map(([before, value]) => before.replace(`{${name}}`, () => value)),
    fc.constant(operation.path),
  )
  const known = inQuery.map(({ name, schema }) =>
    valid(schema, schema.examples?.[0]).map((value) => `${name}=${encoded(String(value))}`),
  )
  const odd = fc
    .tuple(fc.constantFrom(...inQuery.map(({ name }) => name), 'x', '', '__proto__', 'limit[]'), segments)
    .map(([name, value]) => `${name}=${value}`)
  const query = fc
    .array(fc.oneof(...known, odd), { maxLength: inQuery.length > 0 ? 3 : 1 })
    .map((pairs) => pairs.join('&'))
  return fc.tuple(path, query).map(([before, after]) => (after === '' ? before : `${before}?${after}`))
}

const otherMethods = fc.constantFrom('HEAD', 'OPTIONS', 'TRACE', 'PROPFIND', 'PUT', 'GET', 'POST')

const otherPaths = fc.oneof(
  fc.constantFrom(
    '/',
    '//',
    '/api',
    '/api/v1',
    '/api/v2/users/me',
    '*',
    '/docs/../health',
    '/API/V1/ERRORS',
    '/%',
    '/health/',
    '/api/v1/users/me;x',
  ),
  segments.map((segment) => `/api/v1/${segment}`),
)

/** What stands for a good access token. */
export const TOKEN = '{token}'

const authorizations = fc.oneof(
  { weight: 8, arbitrary: fc.constant(`Bearer ${TOKEN}`) },
  fc.constantFrom(
    '',
    'Bearer',
    'Bearer x',
    'Basic dTpw',
    `bearer  ${TOKEN} `,
    `Bearer ${TOKEN}x`,
    `Bearer ${TOKEN}, Bearer x`,
  ),
)

/** Requests derived from the operations of the document: fitting, mutated and hostile. */
export function fuzzRequests(operations: readonly Operation[]): fc.Arbitrary<FuzzRequest> {
  return fc.constantFrom(...operations).chain((operation) =>
    fc
      .record({
        target: fc.oneof({ weight: 14, arbitrary: targets(operation) }, { weight: 1, arbitrary: otherPaths }),
        method: fc.oneof(
          { weight: 14, arbitrary: fc.constant(operation.method) },
          { weight: 1, arbitrary: otherMethods },
        ),
        authorization: authorizations,
        headers: oddHeaders,
        contentType: contentTypes,
        body: operation.requestBody
          ? bodies(operation)
          : fc.oneof({ weight: 9, arbitrary: fc.constant('') }, { weight: 1, arbitrary: bodies(operation) }),
      })
      .map(({ method, target, authorization, headers, contentType, body }) => {
        const own: FuzzRequest['headers'] = [['Authorization', authorization]]
        if (body !== '') own.push(['Content-Type', contentType])
        return { method, target, headers: [...headers, ...own], body }
      }),
  )
}
