import fp from 'fastify-plugin'

/**
 * Sends the answers that one turn of the event loop has made together, at its end. Whoever waits for them on this
 * machine, a proxy or a sidecar, is then woken once for all of them: waking a process on another core can cost more than
 * all the rest of an answer (docs/performance.md).
 */
export default fp(
  async (app) => {
    let batch: (() => void)[] = []

    app.addHook('onSend', (_request, _reply, payload, done) => {
      if (batch.length === 0) setImmediate(sendBatch)
      batch.push(() => done(null, payload))
    })

    function sendBatch(): void {
      const answers = batch
      batch = []
      for (const send of answers) send()
    }
  },
  { name: 'response-batching', dependencies: ['handler-timeout', 'lifecycle', 'payload-logging', 'versions'] },
)
