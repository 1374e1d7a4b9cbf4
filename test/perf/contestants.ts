import { secret } from './accounts.ts'
import type { Stores } from './stores.ts'

/** Who takes part: the name in the tables, and the program. */
export const contestants = {
  loop: { name: 'raw argon2 loop, no HTTP', file: 'test/perf/contestants/argon2-loop.ts' },
  http: { name: 'raw node:http', file: 'test/perf/contestants/node-http.ts' },
  fastify: { name: 'bare Fastify, no log', file: 'test/perf/contestants/fastify.ts' },
  asTheyCome: { name: 'the same plugins as they come', file: 'test/perf/contestants/as-they-come.ts' },
  fastifyPg: { name: 'hand-written Fastify + pg', file: 'test/perf/contestants/fastify-pg.ts' },
  express: { name: 'Express + pg + jsonwebtoken', file: 'test/perf/contestants/express.ts' },
  gatehouse: { name: 'Gatehouse, everything on', file: 'src/server.ts' },
} as const

export type ContestantId = keyof typeof contestants

const unlimited = '1000000000/60'

/** What a contestant is started with; the service as in production, with limits that are counted and never reached. */
export function environmentFor(stores: Stores, postgresUrl: string): Record<string, string> {
  return {
    NODE_ENV: 'production',
    POSTGRES_URL: postgresUrl,
    REDIS_URL: stores.redisUrl,
    MONGODB_URL: stores.mongodbUrl,
    JWT_SECRET_KEY: secret,
    METRICS_TOKEN: 'measurements',
    CORS_ORIGINS: 'https://app.example.com',
    RATE_LIMIT_DEFAULT: unlimited,
    RATE_LIMIT_LOGIN: unlimited,
    RATE_LIMIT_LOGIN_ADDRESS: unlimited,
    RATE_LIMIT_REGISTER: unlimited,
    RATE_LIMIT_REFRESH: unlimited,
    OVERLOAD_EVENT_LOOP_DELAY_MS: '60000',
    SHUTDOWN_GRACE_MS: '0',
  }
}
