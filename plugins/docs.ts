import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifySchema, RouteOptions } from 'fastify'
import fp from 'fastify-plugin'
import type { ErrorName } from '#src/errors'
import {
  ActivityEvent,
  ApiVersion,
  ErrorDescription,
  ErrorEnvelope,
  errorAnswers,
  Health,
  Liveness,
  Readiness,
  Session,
  TokenPair,
  User,
  withCommonParts,
} from '#src/schemas'
import { version } from '#src/version'

declare module 'fastify' {
  interface FastifySchema {
    /** The errors of the use case. Those that its method, body, query, token and limits bring are added to them. */
    errors?: readonly ErrorName[]
  }
}

// The page loads its own scripts and styles; inline styles and data images are what it draws its icons with.
const pagePolicy = [
  "default-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "object-src 'none'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ')

// There is one server, no answer has links, and the names of headers are long.
const pageStyle = `
  .servers-title, .servers, .response-col_links { display: none }
  .parameters-col_name { min-width: 12em }
`

const description = `Accounts: registration, sign-in, sessions on several devices, profiles and their history.

**Errors** have one shape, \`ErrorEnvelope\`, whatever layer they come from; switch on its \`name\`
(\`GET /api/v1/errors\` lists them all). A path that does not exist is 404 \`NotFoundError\`; another method than those
below is 405 \`MethodNotAllowedError\` with an \`Allow\` header. \`HEAD\` works wherever \`GET\` does.

**Bodies** are JSON in UTF-8, closed and not coerced: an unknown field or a wrong type is a 400. Times are RFC 3339 in UTC,
and a field without a value is \`null\`.`

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
      ApiVersion,
    ]) {
      app.addSchema(schema)
    }
    await app.register(swagger, {
      openapi: {
        openapi: '3.1.0',
        info: {
          title: 'Gatehouse',
          version,
          description,
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
            accessToken: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT', description: 'Of a `TokenPair`' },
            metricsToken: { type: 'http', scheme: 'bearer', description: 'As configured in `METRICS_TOKEN`' },
          },
        },
      },
      transform: ({ schema, url, route }) => ({ schema: withErrors(schema, route), url }),
      transformObject: (document) =>
        'openapiObject' in document ? withCommonParts(document.openapiObject) : document.swaggerObject,
      refResolver: { buildLocalReference: (json, _base, _fragment, i) => String(json.$id ?? `Schema${i}`) },
    })

    app.addHook('onRoute', refuseUndocumented)
    await app.register(swaggerUi, {
      routePrefix: '/docs',
      indexPrefix: '',
      staticCSP: pagePolicy,
      uiConfig: {
        layout: 'BaseLayout',
        displayRequestDuration: true,
        persistAuthorization: false,
        tryItOutEnabled: true,
      },
      theme: { title: 'Gatehouse API', css: [{ filename: 'theme.css', content: pageStyle }] },
    })
  },
  { name: 'docs', dependencies: ['errors', 'not-found', 'security-headers', 'validation'] },
)

function withErrors(schema: FastifySchema, { url, method, config }: RouteOptions): FastifySchema {
  if (schema?.response === undefined) return schema
  const { body, querystring, params, security = [], errors = [], response } = schema
  const limited = config?.limits?.length !== 0
  const operation = { url, method: String(method), limited, body, querystring, params, security, errors }
  return { ...schema, response: { ...errorAnswers(operation as Parameters<typeof errorAnswers>[0]), ...response } }
}

/** A route that does not say what it does, takes and answers does not get into the service. */
function refuseUndocumented({ url, method, schema }: RouteOptions): void {
  if (schema?.hide || method === 'HEAD' || url.startsWith('/docs')) return
  const missing = [
    schema?.operationId === undefined && 'an operationId',
    schema?.summary === undefined && 'a summary',
    schema?.description === undefined && 'a description',
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
