import { sharedErrors } from './error-answers.ts'
import { commonHeaders, commonParameters } from './headers.ts'

interface Parameter {
  name: string
  in: string
  schema?: object
  example?: unknown
}

interface Reference {
  $ref: string
}

interface Answer {
  headers?: Record<string, object>
  content?: Record<string, { schema?: { $ref?: string }; examples?: object }>
}

interface Operation {
  parameters?: (Parameter | Reference)[]
  responses?: Record<string, Answer | Reference>
}

/** The parts of an OpenAPI document that are completed here. */
interface Document {
  paths?: Record<string, object | undefined>
  components?: object
}

type HeaderName = keyof typeof commonHeaders

const limitHeaders: readonly HeaderName[] = [
  'RateLimit-Policy',
  'RateLimit',
  'X-RateLimit-Limit',
  'X-RateLimit-Remaining',
  'X-RateLimit-Reset',
]

/**
 * Completes a document by what its operations have in common, each thing said once: headers, and the answers that do not
 * depend on the operation. Header names get the case that the standards write them in.
 */
export function withCommonParts<T extends Document>(document: T): T {
  const responses: Record<string, Answer> = {}
  for (const item of Object.values(document.paths ?? {})) {
    for (const operation of Object.values(item ?? {}) as Operation[]) complete(operation, responses)
  }
  document.components = { ...document.components, parameters: commonParameters, headers: commonHeaders, responses }
  return document
}

function complete(operation: Operation, shared: Record<string, Answer>): void {
  const own = ((operation.parameters ?? []) as Parameter[]).map(ownParameter)
  operation.parameters = [...own, ...Object.keys(commonParameters).map((name) => reference('parameters', name))]

  const responses = (operation.responses ?? {}) as Record<string, Answer>
  const repeatable = own.some(({ name }) => name === 'Idempotency-Key')
  const limited = '429' in responses
  operation.responses = Object.fromEntries(
    Object.entries(responses).map(([status, answer]) => {
      const names = headerNames(status, { envelope: isEnvelope(answer), repeatable, limited })
      const completed = { ...answer, headers: { ...required(answer.headers), ...headerReferences(names) } }
      const name = sharedErrorOf(answer)
      if (name === undefined) return [status, completed]
      shared[name] = completed
      return [status, reference('responses', name)]
    }),
  )
}

// The page fills its form with the example of a parameter, but not with one of its schema: a cursor or a key that was
// made up must not be sent by accident.
function ownParameter({ example, ...parameter }: Parameter): Parameter {
  const name = parameter.in === 'header' ? titleCase(parameter.name) : parameter.name
  const schema = { ...parameter.schema, ...(example !== undefined && { examples: [example] }) }
  return { ...parameter, name, schema }
}

function headerNames(
  status: string,
  { envelope, repeatable, limited }: { envelope: boolean; repeatable: boolean; limited: boolean },
): HeaderName[] {
  const names: HeaderName[] = ['X-Correlation-Id']
  if (status === '401') names.push('WWW-Authenticate')
  if (status === '429' || (status === '503' && envelope)) names.push('Retry-After')
  if (repeatable && status.startsWith('2')) names.push('Idempotency-Replayed')
  // Errors have them too, if the limits were reached before the error was.
  if (limited && (status < '400' || status === '429')) names.push(...limitHeaders)
  return names
}

function reference(kind: 'headers' | 'parameters' | 'responses', name: string): Reference {
  return { $ref: `#/components/${kind}/${name}` }
}

function headerReferences(names: readonly string[]): Record<string, Reference> {
  return Object.fromEntries(names.map((name) => [name, reference('headers', name)]))
}

function required(headers: Record<string, object> = {}): Record<string, object> {
  return Object.fromEntries(Object.entries(headers).map(([name, header]) => [name, { ...header, required: true }]))
}

function isEnvelope({ content }: Answer): boolean {
  return content?.['application/json']?.schema?.$ref === '#/components/schemas/ErrorEnvelope'
}

function sharedErrorOf(answer: Answer): string | undefined {
  const [name = '', ...others] = Object.keys(answer.content?.['application/json']?.examples ?? {})
  return isEnvelope(answer) && others.length === 0 && (sharedErrors as readonly string[]).includes(name)
    ? name
    : undefined
}

function titleCase(name: string): string {
  return name.replace(/(^|-)[a-z]/g, (letter) => letter.toUpperCase())
}
