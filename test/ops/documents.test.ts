import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { variables } from '#src/config-schema'
import { root } from '#test/tools'

const top = /^(src|db|plugins|routes|test|ops|docs)\/|^(compose\.yaml|Dockerfile|\.dockerignore)$/

for (const document of ['SECURITY.md', 'docs/operations.md']) {
  const text = readFileSync(path.join(root, document), 'utf8')
  const quoted = [...text.matchAll(/`([^`\n]+)`/g)].map(([, code = '']) => code)

  test(`every file that ${document} names is there`, () => {
    const linked = [...text.matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map(([, file = '']) =>
      path.join(path.dirname(document), file),
    )
    const files = [...linked, ...quoted.filter((code) => top.test(code))]
    assert.ok(files.length > 5)
    assert.deepEqual(
      files.filter((file) => !existsSync(path.join(root, file))),
      [],
    )
  })

  test(`every variable that ${document} names is one of the service`, () => {
    const known = new Set(variables.map(([name]) => name))
    const named = quoted
      .map((code) => /^[A-Z][A-Z0-9]*(_[A-Z0-9]+)+(?=$|=)/.exec(code)?.[0])
      .filter((name) => name !== undefined)
    assert.deepEqual(
      named.filter((name) => !known.has(name)),
      [],
    )
  })
}
