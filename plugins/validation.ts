import { isUtf8 } from 'node:buffer'
import type { FastifyServerOptions } from 'fastify'
import fp from 'fastify-plugin'
import { AppError } from '#src/errors'
import { formats } from '#src/formats'

// `x-secret` marks a field that payload logs must not show.
const keywords = ['x-secret']

/**
 * Fastify's `ajv` option: nothing is coerced or dropped, so what a handler gets is what was sent. A query consists of
 * strings, and its schemas say so. All failures are listed, which is safe as long as every schema is bounded.
 */
export const ajvOptions: NonNullable<FastifyServerOptions['ajv']> = {
  customOptions: {
    coerceTypes: false,
    removeAdditional: false,
    useDefaults: true,
    allErrors: true,
    allowUnionTypes: true,
    keywords,
  },
  onCreate(ajv) {
    for (const [name, validate] of Object.entries(formats)) ajv.addFormat(name, { type: 'string', validate })
  },
}

/** Fastify's `serializerOpts`: response models may use the same keywords and formats. */
export const serializerOptions = { ajv: { keywords, formats } }

/** The one body that is read is JSON in UTF-8. An empty one counts as none, which is for the route's schema to judge. */
export default fp(
  async (app) => {
    const parseJson = app.getDefaultJsonParser('error', 'error')

    app.removeAllContentTypeParsers()
    app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body: Buffer, done) => {
      if (body.length === 0) return done(null, undefined)
      // Decoding would replace bad bytes in silence, also in a password.
      if (!isUtf8(body)) return done(new AppError('MalformedRequestError', 'The request body is not valid UTF-8'))
      return parseJson(request, body.toString(), done)
    })
  },
  { name: 'validation' },
)
