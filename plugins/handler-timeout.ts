import type { FastifyReply } from 'fastify'
import fp from 'fastify-plugin'
import { createDeadlines, type Deadline } from '#src/deadlines'
import { AppError } from '#src/errors'

declare module 'fastify' {
  interface FastifyReply {
    /** When the handler has to be through; not there before it is called. */
    deadline?: Deadline<FastifyReply> | null
  }
}

/**
 * Answers for a handler that outlives its time. Fastify's own option does not where there is a body: it is called off
 * when that has been read (fastify/fastify#6725).
 */
export default fp(
  async (app) => {
    const deadlines = createDeadlines(app.config.HANDLER_TIMEOUT_MS, answerFor)
    app.decorateReply('deadline', null)

    // Once the request is there: its arrival has a limit of its own.
    app.addHook('preValidation', (_request, reply, done) => {
      reply.deadline = deadlines.add(reply)
      done()
    })
    app.addHook('onSend', (_request, reply, payload, done) => {
      if (reply.deadline) deadlines.remove(reply.deadline)
      done(null, payload)
    })
    app.addHook('onClose', async () => deadlines.stop())
  },
  { name: 'handler-timeout', dependencies: ['errors'] },
)

function answerFor(reply: FastifyReply): void {
  if (reply.sent || reply.raw.headersSent || reply.raw.closed) return
  reply.send(new AppError('GatewayTimeoutError', 'The request took too long'))
  // What the handler comes up with later is for nobody, and no reason for the framework to quote the URL in the log.
  reply.raw.once('finish', () => reply.hijack())
}
