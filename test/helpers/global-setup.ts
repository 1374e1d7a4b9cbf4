import { type Cluster, createTemplate, startThrowawayCluster } from './cluster.ts'

let cluster: Cluster | undefined

/** One PostgreSQL for the whole run. The processes of the test files inherit its address. */
export async function globalSetup(): Promise<void> {
  cluster = await startThrowawayCluster()
  await createTemplate(cluster.url)
  process.env.TEST_CLUSTER_URL = cluster.url
}

export async function globalTeardown(): Promise<void> {
  await cluster?.stop()
}
