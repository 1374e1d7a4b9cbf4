import { type VariableNotes, variables } from './config-schema.ts'
import { formatValue } from './config-values.ts'

/** The variables as far as they are set and could be read. */
export type Values = Readonly<Record<string, unknown>>

// Whoever copies the documentation must not run on a secret that everybody can read.
const published = new Set(
  variables.flatMap(([, schema]) => [formatValue(schema.default), ...(schema.examples ?? [])]).filter(Boolean),
)

/** Pairs of which the first must not be more than the second. */
const ordered = [
  ['RETRY_MIN_MS', 'RETRY_MAX_MS'],
  ['REFRESH_TOKEN_TTL_SECONDS', 'SESSION_MAX_AGE_SECONDS'],
] as const

/**
 * What is wrong although each variable by itself is right.
 * @param environmentName the variable `ENVIRONMENT`, which many platforms set
 */
export function ruleProblems(values: Values, environmentName: string | undefined): string[] {
  return [
    ...(environmentName === 'production' && values.NODE_ENV !== 'production'
      ? ['NODE_ENV must be production where ENVIRONMENT is']
      : []),
    ...variables.flatMap(([name, schema]) => secretProblems(name, schema, values[name])),
    ...(values.NODE_ENV === 'production' ? productionProblems(values) : []),
    ...ordered
      .filter(([low, high]) => Number(values[low]) > Number(values[high]))
      .map(([low, high]) => `${low} must not be more than ${high}`),
  ]
}

function secretProblems(name: string, { secret }: VariableNotes, value: unknown): string[] {
  const isPublished = secret && [value].flat().some((item) => typeof item === 'string' && published.has(item))
  return isPublished ? [`${name} must not be a value from the documentation`] : []
}

function productionProblems(values: Values): string[] {
  const problems: string[] = []
  if (Array.isArray(values.CORS_ORIGINS) && values.CORS_ORIGINS.includes('*')) {
    problems.push('CORS_ORIGINS must not contain * in production')
  }
  if (values.LOG_PAYLOADS === true) problems.push('LOG_PAYLOADS must not be true in production')
  return problems
}
