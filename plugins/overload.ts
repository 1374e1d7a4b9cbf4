import { getHeapStatistics } from 'node:v8'
import underPressure from '@fastify/under-pressure'
import fp from 'fastify-plugin'
import { unavailable } from '#src/errors'
import type { OverloadReason } from '#src/overload'

const SAMPLE_MS = 500
const RETRY_AFTER_SECONDS = 2
/** What the start did to the event loop is in the first samples, and no overload. */
const UNJUDGED_MS = 3 * SAMPLE_MS

// What the package calls them.
const reasons: Record<string, OverloadReason> = {
  [underPressure.TYPE_EVENT_LOOP_DELAY]: 'event_loop_delay',
  [underPressure.TYPE_EVENT_LOOP_UTILIZATION]: 'event_loop_utilization',
  [underPressure.TYPE_HEAP_USED_BYTES]: 'heap',
}

/**
 * Refuses requests while the process can not keep up, so that those it takes are answered in time. It knows nothing of
 * the stores: their state is the business of `/health`.
 */
export default fp(
  async (app) => {
    const { config, instruments } = app
    let judgedFrom = 0
    app.addHook('onListen', async () => {
      judgedFrom = performance.now() + UNJUDGED_MS
    })
    await app.register(underPressure, {
      sampleInterval: SAMPLE_MS,
      maxEventLoopDelay: config.OVERLOAD_EVENT_LOOP_DELAY_MS,
      maxEventLoopUtilization: config.OVERLOAD_EVENT_LOOP_PERCENT / 100,
      // Of the time since the last sample: since the start, an hour of calm would hide a minute of overload.
      eventLoopUtilizationMode: 'interval',
      maxHeapUsedBytes: (getHeapStatistics().heap_size_limit * config.OVERLOAD_HEAP_PERCENT) / 100,
      async pressureHandler(request, _reply, type) {
        // Probes have no limits, and an answer for them at all times.
        if (request.routeOptions.config.limits?.length === 0) return
        const reason = reasons[type]
        if (reason === undefined || performance.now() < judgedFrom) return
        instruments.overloadRejection(reason)
        throw unavailable('The service is overloaded', undefined, RETRY_AFTER_SECONDS)
      },
    })
  },
  { name: 'overload', dependencies: ['cors', 'errors', 'logging', 'metrics', 'security-headers'] },
)
