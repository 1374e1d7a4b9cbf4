import { globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path/posix'

interface Import {
  specifier: string
  /** The file it names, from the root of the project; `null` for a package. */
  file: string | null
  /** Whether it is gone at run time. */
  typeOnly: boolean
  /** `null` where everything may be used. */
  names: string[] | null
}

/** What a file imports and exports, read from its lines. */
export interface Module {
  path: string
  source: string
  imports: Import[]
  exports: string[]
}

const clause = /(\*(?: as \w+)?|\w+|(?:\w+,\s*)?\{[^}]*\})/.source
const fromStatement = new RegExp(`^(import|export) (type )?${clause} from '([^']+)'`, 'gm')
const bareImport = /^import '([^']+)'|\bimport\('([^']+)'\)/gm
const exportedDeclaration =
  /^export (?:async |abstract )*(?:function\*?|const|let|class|interface|type) (\w+|\{[^}]*\})/gm
const exportedList = /^export (?:type )?(\{[^}]*\})/gm

/** The project's own modules, the root's `package.json` telling what `#...` means. */
export function readModules(root: string): Module[] {
  const { imports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    imports: Record<string, string>
  }
  const paths = globSync('{src,db,plugins,routes,test}/**/*.ts', { cwd: root }).map((path) =>
    path.replaceAll('\\', '/'),
  )
  return paths.sort().map((path) => parseModule(path, readFileSync(join(root, path), 'utf8'), imports))
}

/** One module of the given source. `aliases` is the `imports` of `package.json`. */
export function parseModule(path: string, source: string, aliases: Record<string, string>): Module {
  const imports: Import[] = []
  for (const [, , type, names = '', specifier = ''] of source.matchAll(fromStatement)) {
    const listed = importedNames(names)
    const typeOnly = type !== undefined || listed?.every((name) => name.startsWith('type ')) === true
    const plain = listed?.map((name) => name.replace(/^type /, '').replace(/ as .*/, '')) ?? null
    imports.push({ specifier, file: resolve(specifier, path, aliases), typeOnly, names: plain })
  }
  for (const [, bare, dynamic] of source.matchAll(bareImport)) {
    const specifier = bare ?? dynamic ?? ''
    imports.push({ specifier, file: resolve(specifier, path, aliases), typeOnly: false, names: null })
  }

  const exported = [...source.matchAll(exportedDeclaration), ...source.matchAll(exportedList)]
    .flatMap(([, names = '']) => listedNames(names))
    .map((name) => name.replace(/^type |.* as /g, ''))
  if (/^export default /m.test(source)) exported.push('default')
  return { path, source, imports, exports: [...new Set(exported)] }
}

// What the clause of an import or re-export takes; `null` for a namespace, which may take anything.
function importedNames(clause: string): string[] | null {
  if (clause.startsWith('*')) return null
  return /^\w/.test(clause) ? ['default', ...listedNames(clause.replace(/^\w+,?/, ''))] : listedNames(clause)
}

function listedNames(list: string): string[] {
  return list
    .replace(/[{}]/g, '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '')
}

function resolve(specifier: string, from: string, aliases: Record<string, string>): string | null {
  if (specifier.startsWith('.')) return join(dirname(from), specifier)
  if (!specifier.startsWith('#')) return null
  const exact = aliases[specifier]
  if (exact) return join(exact)
  for (const [alias, target] of Object.entries(aliases)) {
    const [prefix = ''] = alias.split('*')
    if (alias.endsWith('*') && specifier.startsWith(prefix))
      return join(target.replace('*', specifier.slice(prefix.length)))
  }
  return null
}
