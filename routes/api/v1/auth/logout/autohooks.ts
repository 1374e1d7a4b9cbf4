import type { FastifyPluginAsync } from 'fastify'

const guard: FastifyPluginAsync = async (app) => {
  app.addHook('onRequest', app.authenticate)
}

export default guard
