/** Fastify's compiled serialisers and validators for the contestants that have them. */

const text = { type: 'string' } as const
const object = (properties: object) => ({ type: 'object', properties, required: Object.keys(properties) }) as const

export const alive = { response: { 200: object({ status: text }) } }

const user = object({
  id: text,
  email: text,
  fullName: text,
  role: text,
  createdAt: { type: 'string', format: 'date-time' },
  updatedAt: { type: 'string', format: 'date-time' },
})
const tokenPair = object({ accessToken: text, refreshToken: text, tokenType: text, expiresIn: { type: 'integer' } })

export const me = { response: { 200: user } }
export const refresh = { body: object({ refreshToken: text }), response: { 200: tokenPair } }
export const login = { body: object({ email: text, password: text }), response: { 200: tokenPair } }
export const register = { body: object({ email: text, password: text, fullName: text }), response: { 201: user } }
