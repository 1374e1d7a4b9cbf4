// Bare Fastify: no log, no plugin.
import Fastify from 'fastify'
import { alive } from './schemas.ts'
import { settings } from './settings.ts'

const app = Fastify()
app.get('/health/live', { schema: alive }, async () => ({ status: 'alive' }))
await app.listen(settings)
