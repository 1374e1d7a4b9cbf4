import { createHash } from 'node:crypto'
import type { Compilable, Kysely, QueryResult } from 'kysely'
import type { Database } from './schema.ts'

/** Stands in a statement for a value that comes later. */
class Placeholder {
  readonly name: string

  constructor(name: string) {
    this.name = name
  }
}

/** Gives what stands for each value. */
export type ValueOf<Values> = <Name extends keyof Values & string>(name: Name) => Values[Name]

const names = new Map<string, string>()

/**
 * A statement of a hot path: built once, and by that name parsed and planned once on each connection.
 * @param build must not look at what stands for a value
 */
export function statement<Values extends Record<string, unknown>, Row>(
  build: (value: ValueOf<Values>) => Compilable<Row>,
): (db: Kysely<Database>, values: Values) => Promise<QueryResult<Row>> {
  const compiled = build((name) => new Placeholder(name) as never).compile()
  // Names hold for a connection, which statements of several makers may share.
  names.set(compiled.sql, createHash('sha256').update(compiled.sql).digest('base64url').slice(0, 22))
  return (db, values) =>
    db.executeQuery({
      ...compiled,
      parameters: compiled.parameters.map((one) => (one instanceof Placeholder ? values[one.name] : one)),
    })
}

/** Under which name connections shall know a statement; `undefined` for one that is not worth it. */
export function statementName(sql: string): string | undefined {
  return names.get(sql)
}
