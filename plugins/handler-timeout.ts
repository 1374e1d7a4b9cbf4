import type { FastifyReply } from 'fastify'
import fp from 'fastify-plugin'
import { AppError } from '#src/errors'

/**
 * Answers for a handler that outlives its time. Fastify's own option does not where there is a body: it is called off
 * when that has been read (fastify/fastify#6725).
 */
export default fp(
  async (app) => {
    const limitMs = app.config.HANDLER_TIMEOUT_MS
    // All have the same time, so they stand in the order of their ends, and one timer serves them all.
    const endsAt = new Map<FastifyReply, number>()
    let timer: NodeJS.Timeout | undefined

    // Once the request is there: its arrival has a limit of its own.
    app.addHook('preValidation', (_request, reply, done) => {
      endsAt.set(reply, performance.now() + limitMs)
      timer ??= setTimeout(endLate, limitMs)
      done()
    })
    app.addHook('onSend', (_request, reply, payload, done) => {
      endsAt.delete(reply)
      done(null, payload)
    })
    app.addHook('onClose', async () => clearTimeout(timer))

    function endLate(): void {
      timer = undefined
      for (const [reply, end] of endsAt) {
        const leftMs = end - performance.now()
        if (leftMs > 0) {
          timer = setTimeout(endLate, leftMs)
          return
        }
        endsAt.delete(reply)
        if (!reply.sent && !reply.raw.headersSent && !reply.raw.closed) answerFor(reply)
      }
    }
  },
  { name: 'handler-timeout', dependencies: ['errors'] },
)

function answerFor(reply: FastifyReply): void {
  reply.send(new AppError('GatewayTimeoutError', 'The request took too long'))
  // What the handler comes up with later is for nobody, and no reason for the framework to quote the URL in the log.
  reply.raw.once('finish', () => reply.hijack())
}
