import './tick-shape.ts'
import { type EventEmitter, once } from 'node:events'
import { enableCompileCache } from 'node:module'
import { setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import closeWithGrace from 'close-with-grace'
import type { FastifyBaseLogger, FastifyInstance } from 'fastify'
import { ConfigError, loadConfig, readEnvironment } from './config.ts'
import { loggerOptions } from './logger.ts'
import { redactText } from './redaction.ts'

// sysexits.h: EX_CONFIG
const CONFIG_EXIT_CODE = 78

/** How long the exit waits for a log that nobody reads. */
const WRITTEN_MS = 200

const config = configOrExit()
const starting = build()
let app: FastifyInstance | undefined

closeWithGrace(
  {
    delay: config.SHUTDOWN_GRACE_MS + config.SHUTDOWN_TIMEOUT_MS,
    logger: false,
    onTimeout: (timeoutMs) => app?.log.fatal({ timeoutMs }, 'Application killed: it did not stop in time'),
    onSecondSignal: (signal) => app?.log.fatal({ signal }, 'Application killed by a second signal'),
    onSecondError: (err) => app?.log.fatal({ err }, 'Application killed by an error while it stopped'),
  },
  // A signal may come while the service starts.
  async ({ signal, err }) => stop(await starting, signal, err),
)

app = await starting.catch(cannotStart)
if (!app.lifecycle.draining) await listen(app)

// Most of a start is compiling modules, which only the first start has to do.
async function build(): Promise<FastifyInstance> {
  enableCompileCache()
  const { buildApp } = await import('./app.ts')
  return buildApp(config, { logger: await loggerOptions(config) })
}

async function listen(app: FastifyInstance): Promise<void> {
  try {
    // With the name, Fastify opens a second server for the other loopback address, and no stop waits for its requests.
    await app.listen({ host: config.HOST === 'localhost' ? '127.0.0.1' : config.HOST, port: config.PORT })
    handBackMemory()
  } catch (error) {
    await app.close()
    cannotStart(error)
  }
}

// Loading modules and compiling schemas leaves some 45 MB of young heap, which V8 would keep for as long as it lives.
function handBackMemory(): void {
  setFlagsFromString('--expose-gc')
  runInNewContext('gc')({ type: 'major', execution: 'sync', flavor: 'last-resort' })
}

async function stop(app: FastifyInstance, signal: string | undefined, err: Error | undefined): Promise<void> {
  const startedAt = performance.now()
  if (err) app.log.fatal({ err }, 'Uncaught error')
  app.log.info({ signal }, 'Application shutting down')
  app.lifecycle.drain()
  if (!err) await sleep(config.SHUTDOWN_GRACE_MS)
  try {
    await app.close()
    app.log.info({ signal, durationMs: Math.round(performance.now() - startedAt) }, 'Application stopped')
  } catch (error) {
    app.log.error({ signal, err: error }, 'Application stopped with a failure')
    throw error
  } finally {
    await written(app.log)
  }
}

// Lines are written by another thread, and what is left at the exit by this one, which would overtake it.
async function written(log: FastifyBaseLogger): Promise<void> {
  // It is loaded by now, which it must not be before the cache of compiled modules is there.
  const { symbols } = await import('pino')
  const { [symbols.streamSym]: stream } = log as { [symbols.streamSym]?: EventEmitter & { sync?: boolean } }
  if (stream?.sync === false) await Promise.race([once(stream, 'drain'), sleep(WRITTEN_MS)])
}

function cannotStart(error: unknown): never {
  process.stderr.write(`The service can not start: ${redactText((error as Error).message)}\n`)
  process.exit(1)
}

function configOrExit() {
  try {
    return loadConfig(readEnvironment())
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    process.stderr.write(`${error.message}\n`)
    process.exit(CONFIG_EXIT_CODE)
  }
}
