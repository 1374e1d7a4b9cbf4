import type { ErrorItem } from '#src/errors'

/** What a JSON Schema validator says about one failed rule (the part of Ajv's error object that is used). */
export interface SchemaViolation {
  keyword: string
  instancePath: string
  params: Record<string, unknown>
  message?: string | undefined
}

const formats: Record<string, string> = {
  email: 'must be an e-mail address',
  text: 'must not contain NUL or unpaired surrogates',
  uuid: 'must be a UUID',
  'date-time': 'must be an RFC 3339 time',
}

const messages: Record<string, (params: Record<string, unknown>) => string> = {
  additionalProperties: () => 'is not a known field',
  enum: ({ allowedValues }) => `must be one of: ${(allowedValues as unknown[]).join(', ')}`,
  format: ({ format }) => formats[String(format)] ?? 'has the wrong form',
  maxItems: ({ limit }) => `must have at most ${limit} items`,
  maxLength: ({ limit }) => `must have at most ${limit} characters`,
  minItems: ({ limit }) => `must have at least ${limit} items`,
  minLength: ({ limit }) => (limit === 1 ? 'must not be empty' : `must have at least ${limit} characters`),
  minProperties: ({ limit }) => `must have at least ${limit} ${limit === 1 ? 'field' : 'fields'}`,
  pattern: () => 'has the wrong form',
  required: () => 'is required',
  type: ({ type }) => `must be ${[type].flat().map(String).map(withArticle).join(' or ')}`,
}

/** The failed rule as the caller sees it. Never repeats a value: it may be a password. */
export function validationItem({ keyword, instancePath, params, message }: SchemaViolation): ErrorItem {
  const property = params.missingProperty ?? params.additionalProperty
  return {
    pointer: property === undefined ? instancePath : `${instancePath}/${escapePointer(String(property))}`,
    code: keyword,
    message: messages[keyword]?.(params) ?? message ?? 'is not valid',
  }
}

function withArticle(type: string): string {
  if (type === 'null') return type
  return `${/^[aeiou]/.test(type) ? 'an' : 'a'} ${type}`
}

// RFC 6901, section 3.
function escapePointer(property: string): string {
  return property.replaceAll('~', '~0').replaceAll('/', '~1')
}
