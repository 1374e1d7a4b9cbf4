import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import pg from 'pg'
import { loadConfig, readEnvironment } from '#src/config'
import { startEmbeddedPostgres } from './embedded.ts'
import { createMigrations } from './migrate.ts'
import { createDatabase, poolOptions } from './pool.ts'
import { seedAccounts, seedPassword } from './seed.ts'

/** As many accounts as make a list worth scrolling. */
const SEEDED = 10_000

const template = `import { type Kysely, sql } from 'kysely'

export async function up(db: Kysely<never>): Promise<void> {
  await sql\`select 1\`.execute(db)
}

export async function down(db: Kysely<never>): Promise<void> {
  await sql\`select 1\`.execute(db)
}
`

const commands: Record<string, (argument: string | undefined) => Promise<string>> = {
  up: () =>
    withPool(async (pool) => {
      const applied = await createMigrations(pool).up()
      return applied.length > 0 ? `Applied ${applied.join(', ')}` : 'Nothing to apply'
    }),

  down: () =>
    withPool(async (pool) => {
      const undone = await createMigrations(pool).down()
      return undone === null ? 'Nothing to roll back' : `Rolled back ${undone}`
    }),

  async new(name) {
    if (!name || !/^[a-z][a-z0-9_]*$/.test(name)) throw new Error('Usage: npm run db:new <name_in_snake_case>')
    // A time, not the next number: two branches would both take that.
    const stamp = new Date().toISOString().replace(/\D/g, '').slice(0, 14)
    const file = path.join(import.meta.dirname, 'migrations', `${stamp}_${name}.ts`)
    await writeFile(file, template, { flag: 'wx' })
    return `Wrote ${path.relative(process.cwd(), file)}`
  },

  async seed(count = String(SEEDED)) {
    if (!/^[1-9]\d{0,6}$/.test(count)) throw new Error('Usage: npm run seed [<number of accounts>]')
    const { SingleBar, Presets } = (await import('cli-progress')).default
    return withPool(async (pool) => {
      await createMigrations(pool).up()
      const bar = new SingleBar({ format: '{bar} {percentage} % | {value} accounts' }, Presets.shades_classic)
      bar.start(Number(count), 0)
      const inserted = await seedAccounts(createDatabase(pool), Number(count), (done) => bar.update(done)).finally(() =>
        bar.stop(),
      )
      return `${inserted} new accounts; the password of each is "${seedPassword}"`
    })
  },
}

async function withPool(work: (pool: pg.Pool) => Promise<string>) {
  const config = loadConfig(readEnvironment())
  const embedded =
    config.POSTGRES_URL === undefined ? await startEmbeddedPostgres({ dataDir: config.DATA_DIR }) : undefined
  const pool = new pg.Pool(poolOptions(config.POSTGRES_URL ?? embedded?.url ?? '', { max: 1 }))
  pool.on('error', () => {})
  try {
    return await work(pool)
  } finally {
    await pool.end()
    await embedded?.stop()
  }
}

function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause instanceof Error && !error.message.includes(error.cause.message)
    ? `${error.message}: ${error.cause.message || error.cause.name}`
    : error.message
}

const [name = '', argument] = process.argv.slice(2)
try {
  const command = commands[name]
  if (!command) throw new Error(`Unknown command "${name}": use one of ${Object.keys(commands).join(', ')}`)
  process.stdout.write(`${await command(argument)}\n`)
} catch (error) {
  process.stderr.write(`${explain(error)}\n`)
  process.exitCode = 1
}
