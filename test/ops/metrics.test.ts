import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { startApp } from '#test/app'
import { root } from '#test/tools'

const read = (file: string) => readFileSync(path.join(root, file), 'utf8')

/** The expressions that operators deploy, under the names of the alerts and panels they belong to. */
const expressions = [...alertExpressions(), ...dashboardExpressions()]

test('every metric and label that a dashboard or an alert looks at is in the scrape', async (t) => {
  // Stores that are configured are there, also when they do not answer.
  const { app } = await startApp(t, { REDIS_URL: 'redis://127.0.0.1:1', MONGODB_URL: 'mongodb://127.0.0.1:1/trail' })
  await app.inject('/api/v1/errors')
  const { body: scrape } = await app.inject('/metrics')

  assert.ok(expressions.length > 40, `${expressions.length} expressions were found`)
  const missing = expressions.flatMap(([owner, expression]) =>
    [...metricsIn(expression), ...seriesIn(expression)]
      .filter((wanted) => !wanted.test(scrape))
      .map((wanted) => `${owner}: ${wanted.source}`),
  )
  assert.deepEqual(missing, [])
})

function alertExpressions(): [owner: string, expression: string][] {
  const rules = read('ops/prometheus/alerts.yaml').split('- alert: ').slice(1)
  return rules.map((rule) => [
    /^\w+/.exec(rule)?.[0] ?? '',
    /expr: (?:>-)?([\s\S]*?)\n +(?:for|labels):/.exec(rule)?.[1] ?? '',
  ])
}

function dashboardExpressions(): [owner: string, expression: string][] {
  const { panels } = JSON.parse(read('ops/grafana/dashboards/gatehouse.json')) as {
    panels: { title: string; targets?: { expr: string }[] }[]
  }
  return panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }): [string, string] => [title, expr]))
}

// What Prometheus itself adds.
const added = new Set(['up', 'job', 'instance'])
const operators = new Set(['and', 'or', 'unless'])

/** The metrics of an expression, each as its declaration in a scrape. */
function metricsIn(expression: string): RegExp[] {
  const names = expression
    .replace(/\{[^}]*\}|\[[^\]]*\]/g, ' ')
    .replace(/\b(?:by|without|on|ignoring) \([^)]*\)/g, ' ')
    .matchAll(/\b[a-z_]\w*\b(?! *\()/g)
  return [...new Set([...names].map(([name]) => name))]
    .filter((name) => !added.has(name) && !operators.has(name))
    .map(
      (name) =>
        new RegExp(`^# TYPE (${name} (gauge|counter)|${name.replace(/_(bucket|sum|count)$/, '')} histogram)$`, 'm'),
    )
}

/** Each label value that an expression asks for by name, as the series that has it. */
function seriesIn(expression: string): RegExp[] {
  return [...expression.matchAll(/(\w+)\{([^}]*)\}/g)].flatMap(([, metric, matchers = '']) =>
    [...matchers.matchAll(/(\w+)=~?"([\w|]+)"/g)]
      .filter(([, label = '']) => !added.has(label))
      .flatMap(([, label, values = '']) =>
        values.split('|').map((value) => new RegExp(`^${metric}\\{.*${label}="${value}"`, 'm')),
      ),
  )
}
