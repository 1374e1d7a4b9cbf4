import { type JsonSchema, type OpenApiDocument, type Operation, operationsOf } from '#test/openapi'

/** Which way a value goes: a request must still be taken as it was, an answer must still be what it was. */
type Direction = 'request' | 'answer'

interface Context {
  before: OpenApiDocument
  after: OpenApiDocument
}

/** What a client of `before` can not rely on any more in `after`: one line each, beginning with the operation. */
export function breakingChanges(before: OpenApiDocument, after: OpenApiDocument): string[] {
  const next = new Map(operationsOf(after).map((operation) => [`${operation.method} ${operation.path}`, operation]))
  return operationsOf(before).flatMap((old) => {
    const name = `${old.method} ${old.path}`
    const operation = next.get(name)
    if (operation === undefined) return [`${name} is gone`]
    const changes = [
      ...requestChanges(old, operation, { before, after }),
      ...answerChanges(old, operation, { before, after }),
    ]
    return changes.map((change) => `${name}: ${change}`)
  })
}

function requestChanges(old: Operation, operation: Operation, context: Context): string[] {
  const changes: string[] = []
  const open = ({ security }: Operation) =>
    security.length === 0 || security.some((needed) => Object.keys(needed).length === 0)
  if (old.id !== operation.id) changes.push(`the id ${old.id} is gone`)
  if (open(old) && !open(operation)) changes.push('a token is needed')
  for (const { name, in: place, schema } of old.parameters) {
    const parameter = operation.parameters.find((other) => other.name === name && other.in === place)
    if (parameter) changes.push(...schemaChanges(schema, parameter.schema, `${place} ${name}`, 'request', context))
    else changes.push(`the ${place} parameter ${name} is gone`)
  }
  for (const { name, in: place, required } of operation.parameters) {
    const known = old.parameters.find((other) => other.name === name && other.in === place)
    if (required && !known?.required) changes.push(`the ${place} parameter ${name} is required`)
  }
  const [oldBody, body] = [old, operation].map(({ requestBody }) => requestBody?.content['application/json'].schema)
  if (oldBody && body) changes.push(...schemaChanges(oldBody, body, 'body', 'request', context))
  else if (oldBody) changes.push('the body is gone')
  else if (body) changes.push('a body is required')
  return changes
}

function answerChanges(old: Operation, operation: Operation, context: Context): string[] {
  return Object.entries(old.responses).flatMap(([status, { headers = {}, content = {} }]) => {
    const answer = operation.responses[status]
    if (answer === undefined) return [`the status ${status} is gone`]
    const lost = Object.keys(headers).filter((header) => answer.headers?.[header] === undefined)
    return [
      ...lost.map((header) => `the header ${header} of ${status} is gone`),
      ...Object.entries(content).flatMap(([type, { schema }]) => {
        const media = answer.content?.[type]
        return media ? schemaChanges(schema, media.schema, status, 'answer', context) : [`${type} of ${status} is gone`]
      }),
    ]
  })
}

function schemaChanges(
  oldSchema: JsonSchema,
  schema: JsonSchema,
  where: string,
  direction: Direction,
  context: Context,
): string[] {
  const [old, next] = [dereferenced(oldSchema, context.before), dereferenced(schema, context.after)]
  const changes: string[] = []
  if (JSON.stringify([old.type, old.anyOf, old.format]) !== JSON.stringify([next.type, next.anyOf, next.format])) {
    changes.push(`${where} has another type or format`)
  }
  if (direction === 'request') {
    if (next.enum && !old.enum) changes.push(`${where} is limited to a list`)
    for (const value of old.enum ?? []) {
      if (next.enum && !next.enum.includes(value)) changes.push(`${where} does not take ${JSON.stringify(value)}`)
    }
    if ((next.minLength ?? 0) > (old.minLength ?? 0)) changes.push(`${where} has to be longer`)
    if ((next.maxLength ?? Infinity) < (old.maxLength ?? Infinity)) changes.push(`${where} has to be shorter`)
    if (next.pattern !== undefined && next.pattern !== old.pattern) changes.push(`${where} has another pattern`)
    for (const name of next.required ?? []) {
      if (!old.required?.includes(name)) changes.push(`${where}/${name} is required`)
    }
  } else {
    for (const name of old.required ?? []) {
      if (next.properties?.[name] && !next.required?.includes(name)) changes.push(`${where}/${name} may be missing`)
    }
  }
  for (const [name, property] of Object.entries(old.properties ?? {})) {
    const other = next.properties?.[name]
    if (other) changes.push(...schemaChanges(property, other, `${where}/${name}`, direction, context))
    else changes.push(`${where}/${name} is gone`)
  }
  if (old.items && next.items)
    changes.push(...schemaChanges(old.items, next.items, `${where}/items`, direction, context))
  return changes
}

function dereferenced(schema: JsonSchema, { components }: OpenApiDocument): JsonSchema {
  return (schema.$ref && components.schemas[schema.$ref.replace('#/components/schemas/', '')]) || schema
}
