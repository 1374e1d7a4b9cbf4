import type { TestContext } from 'node:test'
import Fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import { correlationId } from '#src/correlation'
import { collectLines } from '#test/log-lines'
import backgroundTasks from '../../plugins/background-tasks.ts'
import cors from '../../plugins/cors.ts'
import errors from '../../plugins/errors.ts'
import handlerTimeout from '../../plugins/handler-timeout.ts'
import lifecycle from '../../plugins/lifecycle.ts'
import logging, { childLogger, requestLog } from '../../plugins/logging.ts'
import notFound from '../../plugins/not-found.ts'
import payloadLogging from '../../plugins/payload-logging.ts'
import refusals, { clientErrorHandler, frameworkErrors } from '../../plugins/refusals.ts'
import headers from '../../plugins/security-headers.ts'
import tracing from '../../plugins/tracing.ts'
import validation, { ajvOptions, serializerOptions } from '../../plugins/validation.ts'

export type LogLine = Record<string, unknown> & { level: number; msg: string }

interface HttpApp {
  app: FastifyInstance
  lines: LogLine[]
  /** Listens on a free port and returns it. */
  listen(): Promise<number>
}

/** A server with the HTTP plugins alone: no stores, and the routes that a test adds. Closed with the test. */
export async function buildHttpApp(
  t: TestContext,
  { config = {}, options = {} }: { config?: Record<string, unknown>; options?: FastifyServerOptions } = {},
): Promise<HttpApp> {
  const { stream, lines } = collectLines<LogLine>()
  const app = Fastify({
    logger: { level: 'debug', stream },
    logController: requestLog,
    childLoggerFactory: childLogger,
    genReqId: correlationId,
    ajv: ajvOptions,
    serializerOpts: serializerOptions,
    frameworkErrors,
    clientErrorHandler,
    bodyLimit: 16_384,
    return503OnClosing: false,
    ...options,
    http: { requireHostHeader: false, ...(options as { http?: object }).http },
  } as FastifyServerOptions)
  app.decorate('config', { CORS_ORIGINS: [], LOG_PAYLOADS: false, HANDLER_TIMEOUT_MS: 8000, ...config } as never)
  for (const plugin of [
    tracing,
    logging,
    headers,
    errors,
    notFound,
    refusals,
    cors,
    validation,
    lifecycle,
    payloadLogging,
  ]) {
    await app.register(plugin)
  }
  await app.register(backgroundTasks)
  await app.register(handlerTimeout)
  app.addHook('onClose', () => app.backgroundTasks.settled(5000))
  t.after(() => app.close())
  return {
    app,
    lines,
    async listen() {
      await app.listen({ host: '127.0.0.1', port: 0 })
      return (app.server.address() as { port: number }).port
    },
  }
}
