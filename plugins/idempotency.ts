import { createHmac, timingSafeEqual } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { createIdempotencyStore } from '#db/postgres'
import { deriveKeys } from '#src/auth'
import { AppError } from '#src/errors'
import type { IdempotencyClaim, Idempotent, StoredAnswer } from '#src/idempotency'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Whether the route honours `Idempotency-Key`. Its handler has to store its answer with its effect. */
    idempotent?: boolean
  }
  interface FastifyRequest {
    idempotencyClaim: IdempotencyClaim | null
    /** For the use case: the claim of this request, if it has one, with the answer to store. */
    idempotent<Result>(answerOf: (result: Result) => StoredAnswer): Idempotent<Result> | null
  }
}

const HEADER = 'idempotency-key'
const visible = /^[\x21-\x7e]{1,128}$/

/** `Idempotency-Key`: a request that is sent again gets the answer of the first one, and has no second effect. */
export default fp(
  async (app) => {
    const store = createIdempotencyStore(app.db)
    const { JWT_SECRET_KEY, JWT_PREVIOUS_SECRET_KEYS } = app.config
    const currentKey = deriveKeys(JWT_SECRET_KEY).idempotency
    const keys = [currentKey, ...JWT_PREVIOUS_SECRET_KEYS.map((secret) => deriveKeys(secret).idempotency)]
    const hmac = (key: Buffer, request: FastifyRequest) =>
      createHmac('sha256', key)
        .update(JSON.stringify(request.body ?? null))
        .digest()

    app.decorateRequest('idempotencyClaim', null)
    app.decorateRequest('idempotent', function (this: FastifyRequest, answerOf) {
      return this.idempotencyClaim && { claim: this.idempotencyClaim, answerOf }
    } as FastifyRequest['idempotent'])

    app.addHook('onRoute', (route) => {
      if (route.config?.idempotent) route.preHandler = [...[route.preHandler ?? []].flat(), replay]
    })

    async function replay(request: FastifyRequest, reply: FastifyReply) {
      const sent = request.headers[HEADER]
      if (sent === undefined) return
      if (typeof sent !== 'string' || !visible.test(sent)) {
        throw new AppError('IdempotencyKeyError', 'The Idempotency-Key header must be 1 to 128 visible characters')
      }
      const claim: IdempotencyClaim = {
        scope: `${request.method} ${request.routeOptions.url}`,
        key: sent,
        caller: request.principal?.user.id ?? request.ip,
        requestHmac: hmac(currentKey, request),
      }
      const stored = await store.find(claim)
      if (stored === null) {
        request.idempotencyClaim = claim
        return
      }
      if (!keys.some((key) => timingSafeEqual(hmac(key, request), stored.requestHmac))) {
        throw new AppError('IdempotencyMismatchError', 'The Idempotency-Key was used for another request')
      }
      const { status, headers, body } = stored.answer
      return reply.code(status).headers(headers).header('idempotency-replayed', 'true').send(body)
    }
  },
  // Behind the limits: a repetition is a request like any other.
  { name: 'idempotency', dependencies: ['postgres', 'auth', 'rate-limits'] },
)
