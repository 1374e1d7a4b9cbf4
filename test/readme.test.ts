// The documentation of the configuration is made from its schema: `npm run docs:config` writes it anew.
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { type VariableNotes, variables } from '#src/config-schema'
import { formatValue } from '#src/config-values'

const root = join(import.meta.dirname, '..')
const readmePath = join(root, 'README.md')
const examplePath = join(root, '.env.example')
const markers = /(<!-- configuration -->\n).*(\n<!-- \/configuration -->)/s

const readme = readFileSync(readmePath, 'utf8')
const expectedReadme = readme.replace(markers, (_all, begin, end) => `${begin}\n${configurationTable()}\n${end}`)

if (process.argv.includes('--write')) {
  writeFileSync(readmePath, expectedReadme)
  writeFileSync(examplePath, exampleFile())
} else {
  test('the table of the README lists every variable of the configuration', () => {
    assert.match(readme, markers)
    assert.equal(readme, expectedReadme, 'npm run docs:config mends it')
  })

  test('.env.example lists every variable of the configuration', () => {
    assert.equal(readFileSync(examplePath, 'utf8'), exampleFile(), 'npm run docs:config mends it')
  })
}

function configurationTable(): string {
  const rows = variables.map(([name, schema]) => `| \`${name}\` | ${defaultOf(schema)} | ${schema.description} |`)
  return ['| variable | default | meaning |', '|---|---|---|', ...rows].join('\n')
}

function defaultOf(schema: VariableNotes): string {
  const text = schema.defaultText ?? code(schema.default)
  if (schema.productionDefault !== undefined) return `${text}; ${code(schema.productionDefault)} in production`
  if (!schema.requiredInProduction) return text
  return `${schema.generated ? 'generated' : text}; required in production`
}

function code(value: unknown): string {
  const text = formatValue(value)
  return text === '' ? 'none' : `\`${text}\``
}

function exampleFile(): string {
  const variablesWithText = variables.map(([name, schema]) => {
    const value = schema.examples?.[0] ?? (schema.defaultText ? '' : formatValue(schema.default))
    return `# ${schema.description} (default: ${defaultOf(schema).replaceAll('`', '')})\n# ${name}=${value}\n`
  })
  return `# Copy this file to .env and take the # off what you change. It is not read in production.\n\n${variablesWithText.join('\n')}`
}
