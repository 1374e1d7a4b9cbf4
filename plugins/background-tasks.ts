import fp from 'fastify-plugin'
import { type BackgroundTasks, createBackgroundTasks } from '#src/background-tasks'

declare module 'fastify' {
  interface FastifyInstance {
    backgroundTasks: BackgroundTasks
  }
}

const settleMs = 5000

/** The tracker of work that outlives a request. It is awaited when the last request is done. */
export default fp(
  async (app) => {
    const tasks = createBackgroundTasks(app.log)
    app.decorate('backgroundTasks', tasks)
    app.addHook('preClose', async () => tasks.abort())
    app.addHook('onClose', () => tasks.settled(settleMs))
  },
  { name: 'background-tasks' },
)
