// Compiles the package for `npm pack`: Node runs TypeScript as it is in a project, but not below `node_modules`.
import { spawnSync } from 'node:child_process'
import { appendFileSync, globSync, rmSync, writeFileSync } from 'node:fs'
import manifest from './package.json' with { type: 'json' }

rmSync('dist', { recursive: true, force: true })
const { status } = spawnSync('tsc', ['-p', 'tsconfig.build.json'], { stdio: 'inherit', shell: true })
if (status !== 0) process.exit(1)

// The compiled files are a package scope of their own, in which `#src/...` means the JavaScript beside them.
const imports = Object.fromEntries(
  Object.entries(manifest.imports).map(([name, path]) => [name, path.replace(/\.ts$/, '.js')]),
)
const { name, version, type } = manifest
writeFileSync('dist/package.json', JSON.stringify({ name, version, type, imports }, null, 2))

// The plugins are loaded by their folder, so nothing leads a type checker to what they add to Fastify.
const decorators = globSync('plugins/*.ts').map((file) => `import '../${file.replace(/\.ts$/, '.js')}'\n`)
appendFileSync('dist/src/gatehouse.d.ts', `\n${decorators.sort().join('')}`)
