import { setTimeout as sleep } from 'node:timers/promises'
import closeWithGrace from 'close-with-grace'
import { buildApp } from './app.ts'
import { ConfigError, loadConfig, readEnvironment } from './config.ts'
import { loggerOptions } from './logger.ts'
import { version } from './version.ts'

// sysexits.h: EX_CONFIG
const CONFIG_EXIT_CODE = 78

const config = configOrExit()
// Read by libuv when the first hash, name look-up or file access needs a thread, which is later.
process.env.UV_THREADPOOL_SIZE = String(config.UV_THREADPOOL_SIZE)
const app = await buildApp(config, { logger: await loggerOptions(config) })

closeWithGrace(
  { delay: config.SHUTDOWN_GRACE_MS + config.SHUTDOWN_TIMEOUT_MS, logger: app.log },
  async ({ signal, err }) => {
    const startedAt = performance.now()
    app.log.info({ signal, err }, 'Application shutting down')
    app.lifecycle.drain()
    if (!err) await sleep(config.SHUTDOWN_GRACE_MS)
    await app.close()
    app.log.info({ signal, durationMs: Math.round(performance.now() - startedAt) }, 'Application stopped')
  },
)

app.log.info({ version, environment: config.NODE_ENV }, 'Application starting')
await app.listen({ host: config.HOST, port: config.PORT })

function configOrExit() {
  try {
    return loadConfig(readEnvironment())
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    process.stderr.write(`${error.message}\n`)
    process.exit(CONFIG_EXIT_CODE)
  }
}
