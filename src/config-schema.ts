import { availableParallelism } from 'node:os'
import { type TSchema, Type } from '@sinclair/typebox'

/** What a variable's schema says beyond JSON Schema. */
export interface VariableNotes {
  description: string
  default?: unknown
  /** Replaces `default` with NODE_ENV=production. */
  productionDefault?: unknown
  /** How the documentation puts a default that depends on the machine. */
  defaultText?: string
  requiredInProduction?: boolean
  /** Made up where it is not set, outside production. */
  generated?: boolean
  /** Its value is never shown. */
  secret?: boolean
  /** What `.env.example` shows in place of a default. */
  examples?: readonly string[]
}

const MINUTE = 60
const DAY = 24 * 60 * MINUTE

/** The longest of any time limit, in milliseconds: an hour. */
const HOUR_MS = 3_600_000

/** More threads than cores only wait for each other, and one event loop feeds some sixteen. */
const hashThreads = Math.min(availableParallelism(), 16)

const between = (minimum: number, maximum: number, notes: VariableNotes) => Type.Integer({ minimum, maximum, ...notes })

/** A time limit of at least a millisecond. */
const timeout = (notes: VariableNotes) => between(1, HOUR_MS, notes)

const oneOf = <T extends string>(choices: readonly T[], notes: VariableNotes & { default: T }) =>
  Type.Union(
    choices.map((choice) => Type.Literal(choice)),
    { ...notes },
  )

/** A policy, written as `<requests>/<seconds>`. */
const rateLimit = (max: number, windowSeconds: number, description: string) =>
  Type.Object(
    {
      max: Type.Integer({ minimum: 1, maximum: 1_000_000_000 }),
      windowSeconds: Type.Integer({ minimum: 1, maximum: DAY }),
    },
    { default: { max, windowSeconds }, description: `Requests per seconds, ${description}` },
  )

/**
 * Every variable the service knows, under its name in the environment, as the parsed value. The README's table and
 * `.env.example` are made from it.
 */
export const configSchema = Type.Object({
  NODE_ENV: oneOf(['development', 'test', 'production'], {
    default: 'development',
    description: '`development`, `test` or `production`; it must not contradict `ENVIRONMENT=production`',
  }),
  HOST: Type.String({ minLength: 1, default: '127.0.0.1', description: 'Address to listen on' }),
  PORT: between(0, 65_535, { default: 3000, description: 'Port to listen on; 0 for a free one' }),
  DATA_DIR: Type.String({
    minLength: 1,
    default: '.data',
    description: 'Folder of the embedded database and of generated keys; not used in production',
  }),

  POSTGRES_URL: Type.Optional(
    Type.String({
      format: 'postgres-url',
      requiredInProduction: true,
      examples: ['postgres://gatehouse:password@127.0.0.1:5432/gatehouse'],
      description: 'The system of record; without it an embedded PostgreSQL is started',
    }),
  ),
  REDIS_URL: Type.Optional(
    Type.String({
      format: 'redis-url',
      requiredInProduction: true,
      examples: ['redis://127.0.0.1:6379/0'],
      description: 'Counters of the rate limits; without it each process counts for itself',
    }),
  ),
  MONGODB_URL: Type.Optional(
    Type.String({
      format: 'mongodb-url',
      requiredInProduction: true,
      examples: ['mongodb://127.0.0.1:27017/gatehouse'],
      description: 'The audit trail; without it the trail is a table in PostgreSQL',
    }),
  ),
  POSTGRES_POOL_MAX: between(1, 1000, { default: 10, description: 'Connections for requests, of each process' }),
  POSTGRES_CONNECT_TIMEOUT_MS: timeout({ default: 1000, description: 'Milliseconds to wait for a connection' }),
  POSTGRES_STATEMENT_TIMEOUT_MS: timeout({
    default: 2000,
    description: 'Milliseconds a statement may run; the client gives up 500 ms later',
  }),
  POSTGRES_LOCK_TIMEOUT_MS: timeout({ default: 1000, description: 'Milliseconds a statement may wait for a lock' }),
  MIGRATE_ON_START: Type.Boolean({
    default: true,
    productionDefault: false,
    description: 'Whether pending migrations are applied at start',
  }),
  RETRY_MIN_MS: timeout({
    default: 200,
    description: 'Milliseconds before the first new attempt to reach a store; doubled each time',
  }),
  RETRY_MAX_MS: timeout({ default: 10_000, description: 'Most milliseconds between two attempts to reach a store' }),

  JWT_SECRET_KEY: Type.String({
    format: 'secret-key',
    secret: true,
    requiredInProduction: true,
    generated: true,
    examples: ['super-secret-change-this-in-production'],
    description: 'Key that signs access tokens and derives all other keys; at least 32 bytes',
  }),
  JWT_PREVIOUS_SECRET_KEYS: Type.Array(Type.String({ format: 'secret-key' }), {
    secret: true,
    default: [],
    description: 'Comma-separated former keys that are still accepted, for a rotation without sign-outs',
  }),
  JWT_ISSUER: Type.String({ minLength: 1, default: 'gatehouse', description: '`iss` of access tokens' }),
  JWT_AUDIENCE: Type.String({ minLength: 1, default: 'gatehouse', description: '`aud` of access tokens' }),
  ACCESS_TOKEN_TTL_SECONDS: between(1, DAY, { default: 15 * MINUTE, description: 'Seconds an access token lives' }),
  REFRESH_TOKEN_TTL_SECONDS: between(1, 365 * DAY, {
    default: 30 * DAY,
    description: 'Seconds a session lives after its last refresh',
  }),
  SESSION_MAX_AGE_SECONDS: between(1, 365 * DAY, { default: 90 * DAY, description: 'Seconds a session lives at most' }),
  REFRESH_TOKEN_GRACE_SECONDS: between(0, 5 * MINUTE, {
    default: 10,
    description: 'Seconds in which a replaced refresh token still gives its successor',
  }),

  PASSWORD_MIN_LENGTH: between(8, 128, {
    default: 15,
    description: 'Characters of the shortest password (NIST SP 800-63B-4)',
  }),
  ARGON2_MEMORY_KIB: between(32, 262_144, {
    default: 19_456,
    description: 'KiB of memory of one password hash (OWASP Password Storage)',
  }),
  ARGON2_TIME_COST: between(1, 10, { default: 2, description: 'Passes of one password hash' }),
  ARGON2_PARALLELISM: between(1, 4, { default: 1, description: 'Lanes of one password hash' }),
  PASSWORD_HASH_CONCURRENCY: between(1, 256, {
    default: hashThreads,
    defaultText: 'as many as cores, at most 16',
    description: 'Threads that hash passwords, one at a time each',
  }),
  PASSWORD_HASH_QUEUE: between(0, 100_000, {
    default: 100 * hashThreads,
    defaultText: '100 per core, at most 1600',
    description: 'Password hashes that may wait, about two seconds of work; more are answered with 503',
  }),

  RATE_LIMIT_DEFAULT: rateLimit(300, MINUTE, 'of a user or address to routes without a policy of their own'),
  RATE_LIMIT_LOGIN: rateLimit(5, MINUTE, 'to sign in with an e-mail from an address'),
  RATE_LIMIT_LOGIN_ADDRESS: rateLimit(50, MINUTE, 'to sign in from an address'),
  RATE_LIMIT_REGISTER: rateLimit(10, MINUTE, 'to register from an address'),
  RATE_LIMIT_REFRESH: rateLimit(30, MINUTE, 'to refresh a session'),
  TRUST_PROXY: Type.Array(Type.String({ format: 'network' }), {
    default: [],
    description: 'Comma-separated addresses or CIDR ranges of proxies whose `X-Forwarded-For` counts',
  }),
  CORS_ORIGINS: Type.Array(Type.String({ format: 'origin' }), {
    default: ['http://localhost:*'],
    productionDefault: [],
    description:
      'Comma-separated origins whose pages may call the API; `:*` is any port, `*` (not in production) any origin',
  }),

  OVERLOAD_EVENT_LOOP_DELAY_MS: between(0, HOUR_MS, {
    default: 200,
    description: 'Milliseconds that the event loop may lag before requests are answered with 503; 0 for any',
  }),
  // Off: a busy process may well answer in time, and refusals keep it busy. At 98 a load of 64 connections that was
  // served within 20 ms was refused altogether, and for good.
  OVERLOAD_EVENT_LOOP_PERCENT: between(0, 100, {
    default: 0,
    description: 'Percent of the time that the event loop may be busy before requests are answered with 503; 0 for any',
  }),
  OVERLOAD_HEAP_PERCENT: between(0, 100, {
    default: 80,
    description: 'Percent of the largest heap in use before requests are answered with 503; 0 for any',
  }),
  BODY_LIMIT_BYTES: between(1024, 1_048_576, { default: 16_384, description: 'Bytes of the largest request body' }),
  REQUEST_TIMEOUT_MS: timeout({ default: 15_000, description: 'Milliseconds for a request to arrive' }),
  HANDLER_TIMEOUT_MS: timeout({ default: 8000, description: 'Milliseconds for a request to be answered' }),
  KEEP_ALIVE_TIMEOUT_MS: timeout({
    default: 72_000,
    description: 'Milliseconds an idle connection stays open; longer than the load balancer keeps it',
  }),
  SHUTDOWN_GRACE_MS: between(0, HOUR_MS, {
    default: 0,
    productionDefault: 2000,
    description: 'Milliseconds in which a stopping process still serves, until load balancers have noticed',
  }),
  SHUTDOWN_TIMEOUT_MS: timeout({
    default: 10_000,
    description: 'Milliseconds after the grace in which everything must have ended',
  }),

  LOG_LEVEL: oneOf(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'], {
    default: 'info',
    description: '`fatal`, `error`, `warn`, `info`, `debug`, `trace` or `silent`',
  }),
  LOG_PAYLOADS: Type.Boolean({
    default: false,
    description: 'Whether request and response bodies are logged, without their secrets; refused in production',
  }),
  METRICS_TOKEN: Type.Optional(
    Type.String({
      format: 'bearer-token',
      secret: true,
      description: 'Bearer token for `/metrics`; in production `/metrics` is 404 without it',
    }),
  ),
  OTEL_EXPORTER_OTLP_ENDPOINT: Type.Optional(
    Type.String({
      format: 'http-url',
      examples: ['http://127.0.0.1:4318'],
      description: 'Where traces are sent (OTLP over HTTP)',
    }),
  ),
  AUDIT_RETENTION_DAYS: between(1, 3650, { default: 400, description: 'Days an audit event is kept' }),
})

/** The schema of each variable, in the order of the documentation. */
export const variables: readonly [name: string, schema: TSchema & VariableNotes][] = Object.entries(
  configSchema.properties,
) as never
