import fp from 'fastify-plugin'
import { type BackgroundTasks, createBackgroundTasks } from '#src/background-tasks'

declare module 'fastify' {
  interface FastifyInstance {
    backgroundTasks: BackgroundTasks
  }
}

/** The tracker of work that outlives a request. `src/app.ts` awaits it, before the first store is closed. */
export default fp(
  async (app) => {
    const tasks = createBackgroundTasks(app.log)
    app.decorate('backgroundTasks', tasks)
    app.addHook('preClose', async () => tasks.abort())
  },
  { name: 'background-tasks' },
)
