/** What is shown instead of a secret, and of anything that no schema calls public. */
const hidden = '[secret]'

/** The part of JSON Schema that our schemas use. */
export interface PayloadSchema {
  $ref?: string
  'x-secret'?: boolean
  type?: string | string[]
  const?: unknown
  enum?: unknown[]
  properties?: Record<string, PayloadSchema>
  additionalProperties?: boolean | PayloadSchema
  items?: PayloadSchema
  anyOf?: PayloadSchema[]
  oneOf?: PayloadSchema[]
  allOf?: PayloadSchema[]
}

/** Finds a shared schema by its `$id`. */
type SchemaLookup = (id: string) => PayloadSchema | undefined

/**
 * A copy of a payload that may be logged: it shows only what its schema describes and does not mark `x-secret`. What
 * does not fit the schema is hidden too, because a secret in the wrong place is still one.
 */
export function maskPayload(payload: unknown, schema: PayloadSchema | undefined, lookup: SchemaLookup): unknown {
  return mask(payload, schema ? variants(schema, lookup) : [], lookup)
}

// `schemas` are the ones that may apply; if one of them says secret, it is.
function mask(value: unknown, schemas: PayloadSchema[], lookup: SchemaLookup): unknown {
  if (schemas.some((schema) => schema['x-secret'])) return hidden
  if (value === null) return null

  const described = (child: (schema: PayloadSchema) => PayloadSchema | boolean | undefined) =>
    schemas.map(child).flatMap((schema) => (typeof schema === 'object' ? variants(schema, lookup) : []))

  if (Array.isArray(value)) {
    const items = described((schema) => schema.items)
    return value.map((item) => mask(item, items, lookup))
  }
  if (typeof value === 'object') {
    return Object.fromEntries(
      Object.entries(value).map(([key, field]) => {
        const fields = described(({ properties, additionalProperties }) =>
          properties && Object.hasOwn(properties, key) ? properties[key] : additionalProperties,
        )
        return [key, mask(field, fields, lookup)]
      }),
    )
  }
  return schemas.some((schema) => admits(schema, value)) ? value : hidden
}

// A schema and all that it is made of, with references resolved.
function variants(schema: PayloadSchema, lookup: SchemaLookup): PayloadSchema[] {
  if (schema.$ref !== undefined) {
    const target = lookup(schema.$ref.replace(/#$/, ''))
    return target ? variants(target, lookup) : []
  }
  const parts = [...(schema.anyOf ?? []), ...(schema.oneOf ?? []), ...(schema.allOf ?? [])]
  return [schema, ...parts.flatMap((part) => variants(part, lookup))]
}

function admits(schema: PayloadSchema, value: unknown): boolean {
  if ('const' in schema) return schema.const === value
  if (schema.enum) return schema.enum.includes(value)
  const types = [schema.type ?? []].flat()
  return types.includes(typeof value) || (typeof value === 'number' && types.includes('integer'))
}
