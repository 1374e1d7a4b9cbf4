export { createRedis } from './client.ts'
export { createRedisCounters } from './counters.ts'
