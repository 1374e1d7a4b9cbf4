import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import { formats } from '#src/formats'
import { buildApp } from '../../src/app.ts'
import { loadConfig } from '../../src/config.ts'

export interface JsonSchema {
  $ref?: string
  type?: string | string[]
  enum?: unknown[]
  anyOf?: JsonSchema[]
  properties?: Record<string, JsonSchema>
  required?: string[]
  additionalProperties?: boolean
  items?: JsonSchema
  minLength?: number
  maxLength?: number
  pattern?: string
  format?: string
  examples?: string[]
}

interface Parameter {
  name: string
  in: 'query' | 'path' | 'header'
  required: boolean
  schema: JsonSchema
}

interface Media {
  schema: JsonSchema
  example?: unknown
  examples?: Record<string, { value: unknown }>
}

interface Answer {
  headers?: Record<string, { required?: boolean; schema: JsonSchema }>
  content?: Record<string, Media>
}

/** An operation of the document, with the references to parameters, headers and answers resolved. */
export interface Operation {
  id: string
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  path: string
  security: Record<string, unknown>[]
  parameters: Parameter[]
  requestBody?: { content: { 'application/json': Media } }
  /** By status. */
  responses: Record<string, Answer>
}

/** As much of OpenAPI 3.1 as is looked at. */
export interface OpenApiDocument {
  info: { version: string }
  paths: Record<string, Record<string, object>>
  components: { schemas: Record<string, JsonSchema> }
}

const client = join(import.meta.dirname, '../../client')

/** The document that is committed. */
export const documentPath = join(import.meta.dirname, '../../docs/openapi.json')

/** A document as it is committed. */
export function documentText(document: OpenApiDocument): string {
  return `${JSON.stringify(document, null, 2)}\n`
}

/**
 * Makes the client's types from the document in a file.
 * @param options `--check` compares them with what is there instead
 * @throws when they differ
 */
export function writeClientTypes(documentFile: string, options: string[] = []): void {
  const generator = join(client, 'node_modules/openapi-typescript/bin/cli.js')
  const output = join(client, 'src/schema.ts')
  execFileSync(process.execPath, [generator, documentFile, '--output', output, ...options], {
    cwd: client,
    stdio: 'pipe',
  })
}

/** The document that the service serves. No store is needed for it. */
export async function servedDocument(): Promise<OpenApiDocument> {
  const app = await buildApp(
    loadConfig({
      NODE_ENV: 'test',
      JWT_SECRET_KEY: 'a key for tests only and of more than 32 bytes',
      POSTGRES_URL: 'postgres://127.0.0.1:1/none',
    }),
  )
  await app.ready()
  // As it goes over the wire: without what JSON drops.
  const document = JSON.parse(JSON.stringify(app.swagger())) as OpenApiDocument
  await app.close()
  return document
}

export function operationsOf(document: OpenApiDocument): Operation[] {
  return Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => {
      const { operationId, ...rest } = resolved(operation, document) as Operation & { operationId: string }
      return { ...rest, id: operationId, method: method.toUpperCase() as Operation['method'], path }
    }),
  )
}

/** Compiles a schema of the document as it stands, for JSON Schema 2020-12. */
export function schemaCompiler({ components }: OpenApiDocument): (schema: JsonSchema) => ValidateFunction {
  const ajv = new Ajv2020({ allErrors: true, allowUnionTypes: true })
  ajv.addVocabulary(['components', 'x-secret'])
  for (const [name, validate] of Object.entries(formats)) ajv.addFormat(name, validate)
  ajv.addFormat('date-time', (value) => !Number.isNaN(Date.parse(value)) && new Date(value).toISOString() === value)
  const compiled = new Map<JsonSchema, ValidateFunction>()
  return (schema) => {
    const validate = compiled.get(schema) ?? ajv.compile({ ...schema, components })
    compiled.set(schema, validate)
    return validate
  }
}

// References to schemas stay: the compiler resolves them.
function resolved(node: unknown, document: OpenApiDocument): unknown {
  if (Array.isArray(node)) return node.map((item) => resolved(item, document))
  if (typeof node !== 'object' || node === null) return node
  const { $ref } = node as { $ref?: string }
  if ($ref && !$ref.startsWith('#/components/schemas/')) {
    const target = $ref
      .slice(2)
      .split('/')
      .reduce((parent, key) => (parent as Record<string, unknown>)[key], document as unknown)
    return resolved(target, document)
  }
  return Object.fromEntries(Object.entries(node).map(([key, value]) => [key, resolved(value, document)]))
}
