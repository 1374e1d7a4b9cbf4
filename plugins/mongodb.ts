import { setTimeout as sleep } from 'node:timers/promises'
import fastifyMongodb from '@fastify/mongodb'
import fp from 'fastify-plugin'
import { createMongoClient } from '#db/mongo'

const CLOSE_MS = 1000

/** The connection to MongoDB, which holds the audit trail. Without a URL there is none. */
export default fp(
  async (app) => {
    const url = app.config.MONGODB_URL
    if (url === undefined) return
    const log = app.log.child({ dependency: 'mongodb' })
    const client = createMongoClient(url)

    app.addHook('onClose', async () => {
      await Promise.race([client.close().catch(() => {}), sleep(CLOSE_MS, undefined, { ref: false })])
      log.info('MongoDB connection closed')
    })
    await app.register(fastifyMongodb, { client })

    app.dependencies.add({
      name: 'mongodb',
      label: 'MongoDB',
      required: false,
      ping: async () => {
        // A client whose very first operation failed stays dead until it is told to connect again.
        await client.connect()
        await client.db('admin').command({ ping: 1 })
      },
    })
  },
  { name: 'mongodb', dependencies: ['dependencies'] },
)
