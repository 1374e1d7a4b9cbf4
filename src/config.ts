import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseEnv } from 'node:util'
import type { Static } from '@sinclair/typebox'
import { ruleProblems, type Values } from './config-rules.ts'
import { type configSchema, variables } from './config-schema.ts'
import { parseValue } from './config-values.ts'
import { developmentKey, temporaryKey } from './development-key.ts'

/** Variables under their names, as text. */
type Environment = Readonly<Record<string, string | undefined>>

type DeepReadonly<T> = T extends object ? { readonly [K in keyof T]: DeepReadonly<T[K]> } : T

/** The whole configuration, flat, under the names of the environment. Frozen. */
export type Config = DeepReadonly<Static<typeof configSchema>>

/** The configuration can not be used. The message lists every problem, one per line, and no secret. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(['The configuration is not valid:', ...problems.map((problem) => `- ${problem}`)].join('\n'))
    this.problems = problems
  }
}

/**
 * The configuration that the variables give. Outside production, a missing key is made up: in development it is kept
 * under `DATA_DIR`, so that sign-ins outlive a restart.
 * @throws ConfigError
 */
export function loadConfig(env: Environment = process.env): Config {
  const { values, problems } = checkEnvironment(env)
  if (problems.length > 0) throw new ConfigError(problems)
  return deepFreeze({ JWT_SECRET_KEY: madeUpKey(values), ...values } as Config)
}

/** What the variables say, without making anything up, and every problem with them. */
export function checkEnvironment(env: Environment): { values: Values; problems: string[] } {
  const values: Record<string, unknown> = {}
  const problems: string[] = []
  const production = env.NODE_ENV === 'production'

  for (const [name, schema] of variables) {
    const text = env[name]
    if (text === '' && schema.generated) problems.push(`${name} must not be empty`)
    else if (text) {
      const result = parseValue(schema, text)
      if ('value' in result) values[name] = result.value
      else problems.push(`${name} ${result.problem}`)
    } else {
      const byDefault = production ? (schema.productionDefault ?? schema.default) : schema.default
      if (byDefault !== undefined) values[name] = byDefault
      else if (production && schema.requiredInProduction) problems.push(`${name} is required in production`)
    }
  }
  return { values, problems: [...problems, ...ruleProblems(values, env.ENVIRONMENT)] }
}

/**
 * Where variables come from; the earlier wins. The file `.env` of the working directory is for development: with
 * `NODE_ENV=production` it is not read.
 * @throws ConfigError when the file is there and can not be read
 */
export function environmentLayers(
  env: Environment = process.env,
  directory: string = process.cwd(),
): readonly { source: 'environment' | '.env'; values: Environment }[] {
  const file = env.NODE_ENV === 'production' ? {} : readEnvFile(join(directory, '.env'))
  return [
    { source: 'environment', values: env },
    { source: '.env', values: file },
  ]
}

/** The variables of the process and, outside production, of the file `.env`, which yields. @throws ConfigError */
export function readEnvironment(): Environment {
  return Object.assign(
    {},
    ...environmentLayers()
      .map(({ values }) => values)
      .reverse(),
  )
}

function readEnvFile(path: string): Environment {
  try {
    return parseEnv(readFileSync(path, 'utf8'))
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code === 'ENOENT') return {}
    throw new ConfigError([`.env can not be read (${code})`])
  }
}

function madeUpKey({ NODE_ENV, DATA_DIR, JWT_SECRET_KEY }: Values): string | undefined {
  if (JWT_SECRET_KEY !== undefined) return undefined
  if (NODE_ENV !== 'development') return temporaryKey()
  try {
    return developmentKey(String(DATA_DIR))
  } catch (error) {
    throw new ConfigError([`JWT_SECRET_KEY is not set and can not be kept under DATA_DIR: ${(error as Error).message}`])
  }
}

function deepFreeze<T extends object>(value: T): T {
  for (const part of Object.values(value)) if (typeof part === 'object' && part !== null) deepFreeze(part)
  return Object.freeze(value)
}
