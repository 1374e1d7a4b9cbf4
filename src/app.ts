import { join } from 'node:path'
import autoload from '@fastify/autoload'
import Fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import { childLogger, requestLog } from '../plugins/logging.ts'
import { clientErrorHandler, frameworkErrors } from '../plugins/refusals.ts'
import { ajvOptions, serializerOptions } from '../plugins/validation.ts'
import type { Config } from './config.ts'
import { correlationId } from './correlation.ts'
import { version } from './version.ts'

declare module 'fastify' {
  interface FastifyInstance {
    config: Config
  }
}

/** What every route and plugin counts on. A plugin that forgot to share its decorator is found here, not by a request. */
const decorators = [
  'accounts',
  'sessions',
  'authenticate',
  'db',
  'dependencies',
  'health',
  'instruments',
  'passwords',
] as const

/** How long a stop waits for background tasks. */
const BACKGROUND_MS = 5000

const root = join(import.meta.dirname, '..')

/**
 * The service, with every plugin and route, not yet started: what is registered before `listen` is treated like our own
 * routes, limits, logs and documentation included.
 * @param logger pino's options or a logger; `false` for none
 * @throws when a plugin can not start: a store that is down is no reason
 */
export async function buildApp(
  config: Config,
  { logger }: Pick<FastifyServerOptions, 'logger'> = {},
): Promise<FastifyInstance> {
  const app = Fastify({
    logger: logger ?? false,
    logController: requestLog,
    childLoggerFactory: childLogger,
    genReqId: correlationId,
    requestIdHeader: false,
    trustProxy: config.TRUST_PROXY.length > 0 ? [...config.TRUST_PROXY] : false,
    bodyLimit: config.BODY_LIMIT_BYTES,
    // Time for the whole request to arrive, for its headers, and between looks at the clock.
    requestTimeout: config.REQUEST_TIMEOUT_MS,
    http: {
      headersTimeout: Math.min(10_000, config.REQUEST_TIMEOUT_MS),
      connectionsCheckingInterval: Math.min(5_000, config.REQUEST_TIMEOUT_MS),
      requireHostHeader: false,
    },
    keepAliveTimeout: config.KEEP_ALIVE_TIMEOUT_MS,
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: 100 },
    ajv: ajvOptions,
    serializerOpts: serializerOptions,
    frameworkErrors,
    clientErrorHandler,
    // A first start of the embedded store takes longer than Fastify's ten seconds on a slow disk.
    pluginTimeout: 60_000,
  })
  app.decorate('config', config)
  app.log.info({ version, environment: config.NODE_ENV }, 'Application starting')

  await app.register(autoload, { dir: join(root, 'plugins'), encapsulate: false, forceESM: true })
  // Added last, hence run first: the stores are still there for a batch in hand.
  app.addHook('onClose', () => app.backgroundTasks.settled(BACKGROUND_MS))
  for (const name of decorators) app.getDecorator(name)
  await app.register(autoload, { dir: join(root, 'routes'), autoHooks: true, cascadeHooks: true, forceESM: true })
  return app
}
