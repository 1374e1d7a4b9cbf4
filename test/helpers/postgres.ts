import { randomUUID } from 'node:crypto'
import { after, type TestContext } from 'node:test'
import { administer, type Cluster, createTemplate, databaseUrl, startThrowawayCluster, TEMPLATE } from './cluster.ts'

let ownCluster: Promise<Cluster> | undefined
const unused: string[] = []

after(async () => {
  await dropUnused()
  await (await ownCluster)?.stop()
})

/** A migrated database of the test's own. */
export async function createDatabase(t: TestContext): Promise<{ url: string }> {
  return createDatabaseFrom(t, TEMPLATE)
}

/** A database of the test's own without any table. */
export async function createEmptyDatabase(t: TestContext): Promise<{ url: string }> {
  return createDatabaseFrom(t, 'template1')
}

/** A server for a test that stops, kills or floods it; ended after the test. */
export async function startCluster(t: TestContext, options: { flags?: Record<string, string> } = {}): Promise<Cluster> {
  const cluster = await startThrowawayCluster(options.flags)
  t.after(() => cluster.stop())
  return cluster
}

async function createDatabaseFrom(t: TestContext, template: string): Promise<{ url: string }> {
  await dropUnused()
  const url = await clusterUrl()
  const name = `test_${randomUUID().replaceAll('-', '')}`
  await administer(url, `create database ${name} template ${template} strategy file_copy`)
  // The hooks of a test run in the order they were added: whoever uses the database lets go of it after this one.
  t.after(() => {
    unused.push(name)
  })
  return { url: databaseUrl(url, name) }
}

async function dropUnused(): Promise<void> {
  for (const name of unused.splice(0)) {
    await administer(await clusterUrl(), `drop database if exists ${name} with (force)`)
  }
}

/** The run's cluster, or one for this file alone where it is run without the others. */
async function clusterUrl(): Promise<string> {
  if (process.env.TEST_CLUSTER_URL) return process.env.TEST_CLUSTER_URL
  ownCluster ??= startThrowawayCluster().then(async (cluster) => {
    await createTemplate(cluster.url)
    return cluster
  })
  return (await ownCluster).url
}
