import { MongoClient } from 'mongodb'

/**
 * A MongoDB client on which nothing waits long. `connectTimeoutMS` bounds the retry of an operation as well: at its
 * default, a server that hangs holds one for a minute.
 */
export function createMongoClient(url: string): MongoClient {
  return new MongoClient(url, {
    appName: 'gatehouse',
    serverSelectionTimeoutMS: 1000,
    connectTimeoutMS: 1000,
    socketTimeoutMS: 2000,
    heartbeatFrequencyMS: 2000,
    waitQueueTimeoutMS: 1000,
    maxPoolSize: 5,
  })
}
