import { basename, dirname } from 'node:path/posix'
import type { Module } from '#test/modules'
import manifest from '../../package.json' with { type: 'json' }

/** What a rule has against the modules: one line each, empty where they keep it. */
type Rule = (modules: Module[]) => string[]

type Refusal = (imported: Module['imports'][number], importer: string) => boolean

const packageOf = (specifier: string) => specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')
const within = (file: string | null, ...folders: string[]) => folders.some((folder) => file?.startsWith(`${folder}/`))
const topOf = (path: string) => path.split('/')[0] ?? ''
const isFastify = (name: string) => name.startsWith('fastify') || name.startsWith('@fastify/')

// The two files that wire the service and start it.
const wiring = ['src/app.ts', 'src/server.ts']

/** Packages that a single file of the service's own is the door to. */
const doors: Record<string, string> = { 'src/logger.ts': 'pino-pretty', 'src/password-thread.ts': '@node-rs/argon2' }

/** What the modules of a folder must not import. */
const refusals: Record<string, Refusal> = {
  src({ specifier, file }, importer) {
    if (wiring.includes(importer)) return within(file, 'db', 'routes', 'test')
    if (file !== null) return !within(file, 'src') && file !== 'package.json'
    return !specifier.startsWith('node:') && !['@sinclair/typebox', doors[importer]].includes(packageOf(specifier))
  },
  // Of the service: types, errors, ids and deadlines. The command line needs the configuration.
  db({ specifier, file, typeOnly }, importer) {
    if (within(file, 'src')) {
      const values = [
        'src/deadlines.ts',
        'src/errors.ts',
        'src/ids.ts',
        ...(basename(importer) === 'cli.ts' ? ['src/config.ts'] : []),
      ]
      return !typeOnly && !values.includes(file ?? '')
    }
    return within(file, 'plugins', 'routes', 'test') || (file === null && isFastify(packageOf(specifier)))
  },
  plugins: ({ file }) => within(file, 'plugins', 'routes', 'test'),
  routes({ specifier, file, typeOnly }) {
    if (file !== null) return file !== 'src/schemas/index.ts'
    const name = packageOf(specifier)
    if (name === 'fastify') return !typeOnly
    return !specifier.startsWith('node:') && !['@sinclair/typebox', '@fastify/type-provider-typebox'].includes(name)
  },
}

const allowedImports: Rule = (modules) =>
  modules.flatMap(({ path, imports }) => {
    const refuses = refusals[topOf(path)]
    return imports
      .filter((imported) => refuses?.(imported, path))
      .map(({ specifier }) => `${path} must not import ${specifier}`)
  })

// A folder with an index.ts has no other door, but for the tests of what is in it.
const oneEntry: Rule = (modules) => {
  const folders = modules.filter(({ path }) => basename(path) === 'index.ts').map(({ path }) => dirname(path))
  return modules.flatMap(({ path, imports }) =>
    imports
      .filter(({ file }) =>
        folders.some(
          (folder) =>
            within(file, folder) && file !== `${folder}/index.ts` && !within(path, folder, `test/${topOf(folder)}`),
        ),
      )
      .map(({ specifier }) => `${path} reaches past the entry of ${specifier}`),
  )
}

const noExportStar: Rule = (modules) =>
  modules.filter(({ source }) => /^export \*/m.test(source)).map(({ path }) => `${path} exports *`)

const noCycles: Rule = (modules) => {
  const edges = new Map(modules.map(({ path, imports }) => [path, imports.map(({ file }) => file)]))
  const done = new Set<string>()
  const cycles: string[] = []
  const visit = (path: string, trail: string[]) => {
    if (trail.includes(path)) cycles.push([...trail.slice(trail.indexOf(path)), path].join(' -> '))
    if (done.has(path) || trail.includes(path)) return
    for (const next of edges.get(path) ?? []) if (next !== null && edges.has(next)) visit(next, [...trail, path])
    done.add(path)
  }
  for (const path of edges.keys()) visit(path, [])
  return cycles
}

/** The sources of what the package offers to others. */
const publicEntries = Object.values(manifest.exports)
  .map((entry) => (typeof entry === 'string' ? entry : entry.types))
  .map((path) => path.replace(/^\.\/dist\//, '').replace(/\.d\.ts$/, '.ts'))

// Autoload takes the default exports of plugins and routes; Kysely and node:test find their files by path. The command
// line has no exports, but the template of a migration.
const foundByPath = (path: string, name: string) =>
  publicEntries.includes(path) ||
  (within(path, 'plugins', 'routes') && (name === 'default' || name.startsWith('auto'))) ||
  path.includes('/migrations/') ||
  basename(path) === 'cli.ts' ||
  path === 'test/helpers/global-setup.ts'

// A test is no reason for the service to export something.
const usedExports: Rule = (modules) => {
  const used = new Set(
    modules.flatMap(({ path, imports }) =>
      imports
        .filter(({ file }) => !within(path, 'test') || within(file, 'test'))
        .flatMap(({ file, names }) => (names ?? ['*']).map((name) => `${file} ${name}`)),
    ),
  )
  return modules.flatMap(({ path, exports }) =>
    exports
      .filter((name) => !used.has(`${path} ${name}`) && !used.has(`${path} *`) && !foundByPath(path, name))
      .map((name) => `nobody uses ${name} of ${path}`),
  )
}

// Of two plugins with one name, autoload silently drops one.
const pluginNames: Rule = (modules) =>
  modules
    .filter(({ path }) => within(path, 'plugins'))
    .filter(({ path, source }) => !new RegExp(`\\{\\s*name: '${basename(path, '.ts')}'`).test(source))
    .map(({ path }) => `${path} must be an fp plugin of the name ${basename(path, '.ts')}`)

const namedFolders: Rule = (modules) =>
  modules
    .filter(({ path }) => !within(path, 'test/helpers') && /(^|\/)(utils?|helpers?|common|shared|lib)\//.test(path))
    .map(({ path }) => `the folder of ${path} does not say what is in it`)

/** The rules of the house about modules, under the names of their tests. */
export const rules: Record<string, Rule> = {
  'each folder imports only what it may': allowedImports,
  'a folder is imported by its entry': oneEntry,
  'an entry names what it exports': noExportStar,
  'no modules import each other in a circle': noCycles,
  'every export has a user': usedExports,
  'a plugin is named like its file': pluginNames,
  'a folder is named after what is in it': namedFolders,
}
