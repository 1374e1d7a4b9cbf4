import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { findTool, root, run } from '#test/tools'

const read = (file: string) => readFileSync(path.join(root, file), 'utf8')

const alerts = [...read('ops/prometheus/alerts.yaml').matchAll(/- alert: (\w+)/g)].map(([, name]) => name)

for (const [what, args] of Object.entries({
  'the scrape configuration': ['check', 'config', '--syntax-only', 'ops/prometheus/prometheus.yaml'],
  'the alert rules': ['check', 'rules', 'ops/prometheus/alerts.yaml'],
  'that alerts fire when they should, and only then': ['test', 'rules', 'ops/prometheus/alerts.test.yaml'],
})) {
  test(`promtool confirms ${what}`, async (t) => {
    const promtool = findTool(t, 'promtool')
    if (promtool === null) return
    const { status, output } = await run(promtool, args)
    assert.equal(status, 0, output)
  })
}

test('each alert is seen firing and not firing', () => {
  const cases = [...read('ops/prometheus/alerts.test.yaml').matchAll(/alertname: (\w+)\n +exp_alerts:( \[\])?/g)]
  const seen = (firing: boolean) =>
    new Set(cases.filter(([, , none]) => (none === undefined) === firing).map(([, name]) => name))
  assert.deepEqual(seen(true), new Set(alerts))
  assert.deepEqual(seen(false), new Set(alerts))
})

test('the page for operators says what each alert means', () => {
  const explained = [...read('docs/operations.md').matchAll(/^#### (Gatehouse\w+)$/gm)].map(([, name]) => name)
  assert.deepEqual(explained, alerts)
})
