// `npm run config:check`: the configuration as the service would see it, and where each value comes from.
import { ConfigError, checkEnvironment, environmentLayers, readEnvironment } from './config.ts'
import { type VariableNotes, variables } from './config-schema.ts'
import { formatValue } from './config-values.ts'
import { redactUrl } from './redaction.ts'

// sysexits.h: EX_CONFIG
const CONFIG_EXIT_CODE = 78

try {
  const { values, problems } = checkEnvironment(readEnvironment())
  if (problems.length > 0) throw new ConfigError(problems)
  const rows = variables.map(([name, schema]) => [name, shown(schema, values[name]), sourceOf(name, schema)] as const)
  const nameWidth = Math.max(...rows.map(([name]) => name.length))
  const valueWidth = Math.max(...rows.map(([, value]) => value.length))
  const lines = rows.map(
    ([name, value, source]) => `${name.padEnd(nameWidth)}  ${value.padEnd(valueWidth)}  ${source}\n`,
  )
  process.stdout.write(lines.join(''))
} catch (error) {
  if (!(error instanceof ConfigError)) throw error
  process.stderr.write(`${error.message}\n`)
  process.exitCode = CONFIG_EXIT_CODE
}

function shown({ secret, generated }: VariableNotes, value: unknown): string {
  const text = formatValue(value)
  if (secret) return text || generated ? '[redacted]' : ''
  return redactUrl(text)
}

function sourceOf(name: string, { generated }: VariableNotes): string {
  const layer = environmentLayers().find(({ values }) => values[name] !== undefined)
  if (layer?.values[name]) return layer.source
  return generated ? 'generated' : 'default'
}
