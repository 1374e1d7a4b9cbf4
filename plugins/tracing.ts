import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyOtelInstrumentation } from '@fastify/otel'
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { requestPath } from '#src/request-path'
import { version } from '#src/version'

/** A collector that does not answer holds up neither the stop nor a batch for longer. */
const SEND_MS = 2000

// What asks every few seconds would bury the rest.
const untraced = /^\/(health|metrics|docs)\b/

/**
 * Sends a span of each request, and of its handler, to a collector. The packages for it are optional, larger together
 * than most of the others, and loaded only where there is an endpoint.
 */
export default fp(
  async (app) => {
    const endpoint = app.config.OTEL_EXPORTER_OTLP_ENDPOINT
    if (endpoint === undefined) return
    const tracing = await startTracing(app, endpoint).catch((err: unknown) => {
      app.log.error({ err }, 'There is no tracing: its packages can not be loaded')
    })
    if (!tracing) return

    app.addHook('onClose', () => Promise.race([tracing.stop(), sleep(SEND_MS, undefined, { ref: false })]))
    await app.register(tracing.instrumentation.plugin())
    app.addHook('onRequest', (request, reply, done) => {
      const { span } = request.opentelemetry()
      if (span) {
        request.log = request.log.child({ traceId: span.spanContext().traceId })
        reply.log = request.log
      }
      done()
    })
  },
  { name: 'tracing' },
)

async function startTracing(app: FastifyInstance, endpoint: string) {
  const [otel, api, core, exporter, resources, sdk] = await Promise.all([
    import('@fastify/otel'),
    import('@opentelemetry/api'),
    import('@opentelemetry/core'),
    import('@opentelemetry/exporter-trace-otlp-http'),
    import('@opentelemetry/resources'),
    import('@opentelemetry/sdk-trace'),
  ])
  // OTLP/HTTP: the path of a signal is added to the endpoint that all signals share.
  const url = `${endpoint.replace(/\/$/, '')}/v1/traces`
  const spans = new sdk.BatchSpanProcessor({
    exporter: carefully(app, new exporter.OTLPTraceExporter({ url, timeoutMillis: SEND_MS })),
    exportTimeoutMillis: SEND_MS,
  })
  const resource = resources.resourceFromAttributes({ 'service.name': 'gatehouse', 'service.version': version })
  const provider = new sdk.TracerProvider({
    resource: resources.defaultResource().merge(resource),
    sampler: new sdk.ParentBasedSampler({ root: new sdk.AlwaysOnSampler() }),
    spanProcessors: [spans],
  })

  api.propagation.setGlobalPropagator(new core.W3CTraceContextPropagator())
  const instrumentation: FastifyOtelInstrumentation = new otel.FastifyOtelInstrumentation({
    instrumentHooks: false,
    recordExceptions: false,
    ignorePaths: ({ url }) => untraced.test(url),
    requestHook: (span, request) => {
      span.updateName(spanName(request))
      // In place of one with the query.
      span.setAttribute('url.path', requestPath(request.raw.url ?? ''))
      span.setAttribute('correlation_id', request.id)
    },
  })
  instrumentation.setTracerProvider(provider)
  return {
    instrumentation,
    async stop() {
      // What can not be sent any more has been logged.
      await provider.shutdown().catch(() => {})
      api.propagation.disable()
    },
  }
}

// Semantic conventions for HTTP spans: few names, so that they can be added up.
function spanName({ method, routeOptions }: FastifyRequest): string {
  return routeOptions.url === undefined ? method : `${method} ${routeOptions.url}`
}

/** Takes out of each span what a message may hold, and logs once when the collector can not be reached, and when it can again. */
function carefully(app: FastifyInstance, exporter: SpanExporter): SpanExporter {
  let failing = false
  return {
    export(spans, done) {
      exporter.export(spans.map(withoutMessages), (result) => {
        const failed = result.error !== undefined
        if (failed && !failing) app.log.warn({ err: result.error }, 'Traces can not be sent')
        if (!failed && failing) app.log.info('Traces can be sent again')
        failing = failed
        done(result)
      })
    },
    shutdown: () => exporter.shutdown(),
  }
}

// A 4xx is the caller's affair: of the status of a request only a 5xx is an error.
function withoutMessages(span: ReadableSpan): ReadableSpan {
  const { 'http.response.status_code': statusCode } = span.attributes
  const code = statusCode !== undefined && Number(statusCode) < 500 ? 0 : span.status.code
  return Object.create(span, { status: { value: { code } } })
}
