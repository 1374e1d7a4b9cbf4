import fp from 'fastify-plugin'
import { AppError } from '#src/errors'

/**
 * Answers for a handler that outlives its time. Fastify's own option does not where there is a body: it is called off
 * when that has been read (fastify/fastify#6725).
 */
export default fp(
  async (app) => {
    // Once the request is there: its arrival has a limit of its own.
    app.addHook('preValidation', (_request, reply, done) => {
      const timer = setTimeout(() => {
        if (reply.sent || reply.raw.headersSent) return
        reply.send(new AppError('GatewayTimeoutError', 'The request took too long'))
        // What the handler comes up with later is for nobody, and no reason for the framework to quote the URL in the log.
        reply.raw.once('finish', () => reply.hijack())
      }, app.config.HANDLER_TIMEOUT_MS)
      reply.raw.once('close', () => clearTimeout(timer))
      done()
    })
  },
  { name: 'handler-timeout', dependencies: ['errors'] },
)
