// Raw node:http: what no framework on Node can beat.
import { createServer } from 'node:http'
import { settings } from './settings.ts'

createServer((request, response) => {
  const found = request.method === 'GET' && request.url === '/health/live'
  const body = JSON.stringify(found ? { status: 'alive' } : { message: 'Not found' })
  response.writeHead(found ? 200 : 404, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(body),
  })
  response.end(body)
}).listen(settings.port, settings.host)
