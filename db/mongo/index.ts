export { createMongoClient } from './client.ts'
export { createMongoTrail } from './trail.ts'
