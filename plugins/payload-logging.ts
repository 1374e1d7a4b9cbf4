import type { FastifyInstance, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { maskPayload, type PayloadSchema } from '#src/payload-masking'
import { ErrorEnvelope } from '#src/schemas'

const maxBytes = 4096

/** For debugging: a line with the body of each request and response, their secrets hidden, with `LOG_PAYLOADS=true`. */
export default fp(
  async (app) => {
    if (!app.config.LOG_PAYLOADS) return

    // Before validation, so that a body that fails it is shown too.
    app.addHook('preValidation', async (request) => {
      if (request.body === undefined || request.body === null) return
      logPayload(request, 'Request body', request.body, request.routeOptions.schema?.body as PayloadSchema | undefined)
    })

    app.addHook('onSend', async (request, reply, payload) => {
      const isJson = String(reply.getHeader('content-type')).startsWith('application/json')
      const body = isJson && typeof payload === 'string' ? parseJson(payload) : undefined
      if (body === undefined) return
      logPayload(request, 'Response body', body, responseSchema(request, reply.statusCode))
    })
  },
  { name: 'payload-logging', dependencies: ['logging'] },
)

function logPayload(request: FastifyRequest, message: string, payload: unknown, schema: PayloadSchema | undefined) {
  const body = maskPayload(payload, schema, (id) => lookup(request.server, id))
  const json = JSON.stringify(body)
  if (Buffer.byteLength(json) <= maxBytes) request.log.info({ body }, message)
  // Cut, it is text and no longer an object; under its own name, because log stores give a name one type.
  else request.log.info({ bodyStart: Buffer.from(json).toString('utf8', 0, maxBytes) }, `${message} (cut)`)
}

// A hook that throws here would cost the answer its envelope.
function parseJson(payload: string): unknown {
  try {
    return JSON.parse(payload)
  } catch {
    return undefined
  }
}

function lookup(app: FastifyInstance, id: string): PayloadSchema | undefined {
  return app.getSchema(id) as PayloadSchema | undefined
}

// The model of a status in the ways that Fastify lets a route write it. Every error is the envelope.
function responseSchema({ routeOptions }: FastifyRequest, status: number): PayloadSchema | undefined {
  if (status >= 400 && !routeOptions.schema?.response) return ErrorEnvelope as PayloadSchema
  const models = (routeOptions.schema?.response ?? {}) as Record<string, ResponseModel>
  const family = `${String(status)[0]}xx`
  const model = models[status] ?? models[family] ?? models[family.toUpperCase()] ?? models.default
  if (!model) return status >= 400 ? (ErrorEnvelope as PayloadSchema) : undefined
  return model.content?.['application/json']?.schema ?? model
}

type ResponseModel = PayloadSchema & { content?: Record<string, { schema: PayloadSchema }> }
