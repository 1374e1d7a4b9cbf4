import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { rules } from '#test/import-rules'
import { parseModule, readModules } from '#test/modules'

const modules = readModules(join(import.meta.dirname, '..'))

/** Modules that break each rule, and how often. */
const offences: Record<string, { files: Record<string, string>; problems: number }> = {
  'each folder imports only what it may': {
    files: {
      'src/a.ts': `import fastify from 'fastify'\nimport { b } from '#db/postgres'\nimport type { Pool } from 'pg'`,
      'src/app.ts': `import fastify from 'fastify'\nimport errors from '../plugins/errors.ts'`,
      'db/postgres/a.ts': `import fp from 'fastify-plugin'\nimport { c } from '#src/a'\nimport type { D } from '#src/a'`,
      'plugins/a.ts': `import b from './b.ts'\nimport pg from 'pg'\nimport c from '../routes/c.ts'`,
      'routes/a.ts': `import fastify, { type FastifyInstance } from 'fastify'\nimport { a } from '#src/accounts'\nimport { Kysely } from 'kysely'`,
    },
    problems: 10,
  },
  'a folder is imported by its entry': {
    files: {
      'src/accounts/index.ts': `export { a } from './a.ts'`,
      'src/b.ts': `import {\n  a,\n} from '#src/accounts/a'`,
      'db/c.ts': `import { a } from '../src/accounts/a.ts'\nimport { a } from '#src/accounts'`,
      'test/src/accounts/a.test.ts': `import { a } from '../../../src/accounts/a.ts'`,
    },
    problems: 2,
  },
  'an entry names what it exports': { files: { 'src/a/index.ts': `export * from './b.ts'` }, problems: 1 },
  'no modules import each other in a circle': {
    files: { 'src/a.ts': `import { b } from './b.ts'`, 'src/b.ts': `import type { A } from '#src/a'` },
    problems: 1,
  },
  'every export has a user': {
    files: {
      'src/a.ts': 'export const used = 1\nexport interface Unused {}\nexport const { taken } = {}\nexport default 1',
      'src/b.ts': `import { taken, type used as u } from './a.ts'`,
      'test/a.test.ts': `import one, { Unused } from '#src/a'\nimport { helper } from '#test/c'`,
      'test/helpers/c.ts': 'export function helper() {}\nexport async function lonely() {}',
      'plugins/d.ts': 'export default 1\nexport const alone = 1',
    },
    problems: 4,
  },
  'a plugin is named like its file': {
    files: { 'plugins/a.ts': `fp(x, { name: 'a' })`, 'plugins/b.ts': `fp(x, { name: 'a' })` },
    problems: 1,
  },
  'a folder is named after what is in it': {
    files: { 'src/utils/a.ts': '', 'test/helpers/a.ts': '', 'plugins/lib/a.ts': '' },
    problems: 2,
  },
}

const aliases = {
  '#src/accounts': './src/accounts/index.ts',
  '#src/*': './src/*.ts',
  '#db/postgres': './db/postgres/index.ts',
  '#test/*': './test/helpers/*.ts',
}

for (const [name, rule] of Object.entries(rules)) {
  test(name, () => assert.deepEqual(rule(modules), []))

  test(`${name}: the rule finds offences`, () => {
    const offence = offences[name]
    assert.ok(offence)
    const found = rule(Object.entries(offence.files).map(([path, source]) => parseModule(path, source, aliases)))
    assert.equal(found.length, offence.problems, found.join('\n'))
  })
}
