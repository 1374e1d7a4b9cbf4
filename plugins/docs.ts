import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { RouteOptions } from 'fastify'
import fp from 'fastify-plugin'
import {
  ActivityEvent,
  ErrorDescription,
  ErrorEnvelope,
  Health,
  Liveness,
  Readiness,
  Session,
  TokenPair,
  User,
} from '#src/schemas'
import { version } from '#src/version'

// The page loads its own scripts and styles; inline styles and data images are what it draws its icons with.
const pagePolicy = [
  "default-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "object-src 'none'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ')

/** The OpenAPI document and the page that shows it. Nothing is served that the document does not describe. */
export default fp(
  async (app) => {
    for (const schema of [
      User,
      TokenPair,
      Session,
      ActivityEvent,
      Health,
      Liveness,
      Readiness,
      ErrorEnvelope,
      ErrorDescription,
    ]) {
      app.addSchema(schema)
    }
    await app.register(swagger, {
      openapi: {
        openapi: '3.1.0',
        info: {
          title: 'Gatehouse',
          version,
          description: 'Accounts: registration, sign-in, sessions on several devices, profiles and their history.',
          license: { name: 'MIT', identifier: 'MIT' },
        },
        servers: [{ url: '/' }],
        tags: [
          { name: 'auth', description: 'Registration, sign-in and sign-out' },
          { name: 'account', description: "The caller's own account" },
          { name: 'sessions', description: "The caller's sessions" },
          { name: 'activity', description: "What happened on the caller's account" },
          { name: 'reference', description: 'What the API says about itself' },
          { name: 'operations', description: 'Probes and metrics' },
        ],
        components: {
          securitySchemes: {
            accessToken: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' },
            metricsToken: { type: 'http', scheme: 'bearer' },
          },
        },
      },
      refResolver: { buildLocalReference: (json, _base, _fragment, i) => String(json.$id ?? `Schema${i}`) },
    })

    app.addHook('onRoute', refuseUndocumented)
    await app.register(swaggerUi, {
      routePrefix: '/docs',
      indexPrefix: '',
      staticCSP: pagePolicy,
      uiConfig: { displayRequestDuration: true, persistAuthorization: false, tryItOutEnabled: true },
      theme: { title: 'Gatehouse API' },
    })
  },
  { name: 'docs', dependencies: ['errors', 'security-headers', 'validation'] },
)

/** A route that does not say what it does, takes and answers does not get into the service. */
function refuseUndocumented({ url, method, schema }: RouteOptions): void {
  if (schema?.hide || method === 'HEAD' || url.startsWith('/docs')) return
  const missing = [
    schema?.operationId === undefined && 'an operationId',
    schema?.summary === undefined && 'a summary',
    schema?.tags === undefined && 'tags',
    schema?.security === undefined && 'security',
    schema?.body !== undefined && !hasExample(schema.body) && 'an example of its body',
    ...responsesOf(schema).map(([status, response]) => !isModelled(response) && `a model and example for ${status}`),
    responsesOf(schema).length === 0 && 'a model of its answers',
  ].filter((lack) => lack !== false)
  if (missing.length > 0) throw new TypeError(`${String(method)} ${url} lacks ${missing.join(', ')}`)
}

function responsesOf(schema: RouteOptions['schema']): [string, unknown][] {
  return Object.entries((schema?.response ?? {}) as Record<string, unknown>)
}

function hasExample(schema: unknown): boolean {
  return typeof schema === 'object' && schema !== null && 'examples' in schema
}

function isModelled(response: unknown): boolean {
  if (typeof response !== 'object' || response === null) return false
  if ('type' in response && response.type === 'null') return true
  if (!('content' in response)) return false
  return Object.values(response.content as Record<string, { schema?: unknown; examples?: unknown }>).every(
    (media) => media.schema !== undefined && media.examples !== undefined,
  )
}
