import { type Static, Type } from '@sinclair/typebox'
import { version } from '#src/version'
import { Timestamp } from './fields.ts'

const closed = { additionalProperties: false } as const
const word = <const T extends readonly string[]>(words: T) =>
  Type.Unsafe<T[number]>({ type: 'string', enum: [...words] })

const ServiceStatus = word(['healthy', 'unhealthy', 'disabled'])
const Check = Type.Object(
  {
    required: Type.Boolean(),
    latencyMs: Type.Optional(Type.Number({ description: 'How long the last ping took, in milliseconds' })),
    error: Type.Optional(Type.String({ description: 'A class of failure, such as "timeout"' })),
  },
  closed,
)

export const Health = Type.Object(
  {
    status: word(['healthy', 'degraded', 'unhealthy']),
    version: Type.String(),
    uptimeSeconds: Type.Integer(),
    timestamp: Timestamp,
    services: Type.Object({ postgres: ServiceStatus, redis: ServiceStatus, mongodb: ServiceStatus }, closed),
    checks: Type.Object({ postgres: Check, redis: Check, mongodb: Check }, closed),
  },
  { $id: 'Health', ...closed },
)
export type Health = Static<typeof Health>

export const Liveness = Type.Object({ status: Type.Literal('alive') }, { $id: 'Liveness', ...closed })

export const Readiness = Type.Object(
  {
    status: word(['ready', 'unready']),
    reasons: Type.Array(word(['starting', 'draining', 'store_down', 'migrations_pending', 'database_newer'])),
  },
  { $id: 'Readiness', ...closed },
)
export type Readiness = Static<typeof Readiness>

export const healthExample: Health = {
  status: 'healthy',
  version,
  uptimeSeconds: 3600,
  timestamp: '2026-01-15T10:30:00.000Z',
  services: { postgres: 'healthy', redis: 'disabled', mongodb: 'disabled' },
  checks: {
    postgres: { required: true, latencyMs: 0.8 },
    redis: { required: false },
    mongodb: { required: false },
  },
}
export const unhealthyExample: Health = {
  ...healthExample,
  status: 'unhealthy',
  services: { ...healthExample.services, postgres: 'unhealthy' },
  checks: { ...healthExample.checks, postgres: { required: true, error: 'connection refused' } },
}
