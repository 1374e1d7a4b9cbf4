import fastifyJwt, { type JWT } from '@fastify/jwt'
import fp from 'fastify-plugin'
import type { Principal } from '#src/accounts'
import { type AccessTokens, createAccessTokens, deriveKeys, invalidToken, type TokenKey } from '#src/auth'
import { AppError } from '#src/errors'

declare module 'fastify' {
  interface FastifyInstance {
    accessTokens: AccessTokens
    /** What the access token of a request says, `null` without a good one. No store is asked. */
    readToken(request: FastifyRequest): TokenClaims | null
    /** An `onRequest` hook: only a caller with a good access token of a live session passes. */
    authenticate(request: FastifyRequest): Promise<void>
  }
  interface FastifyRequest {
    /** Who makes the request; `null` before and without authentication. */
    principal: Principal | null
    /** What `readToken` has found; `undefined` before. */
    tokenClaims: TokenClaims | null | undefined
  }
}

type TokenClaims = NonNullable<ReturnType<AccessTokens['verify']>>

const SCHEME = 'bearer '

/** Access tokens: JWTs signed with HS256 and nothing else (RFC 8725, RFC 9068). */
export default fp(
  async (app) => {
    const { config } = app
    const namespaces: [TokenKey, ...TokenKey[]] = [
      await tokenKey(config.JWT_SECRET_KEY, 'current'),
      ...(await Promise.all(config.JWT_PREVIOUS_SECRET_KEYS.map((secret, n) => tokenKey(secret, `previous${n}`)))),
    ]
    app.decorate('accessTokens', createAccessTokens(namespaces, config.ACCESS_TOKEN_TTL_SECONDS))
    app.decorateRequest('principal', null)
    app.decorateRequest('tokenClaims', undefined)

    app.decorate('readToken', (request) => {
      if (request.tokenClaims === undefined) {
        const sent = request.headers.authorization ?? ''
        const isBearer = sent.slice(0, SCHEME.length).toLowerCase() === SCHEME
        request.tokenClaims = isBearer ? app.accessTokens.verify(sent.slice(SCHEME.length).trim()) : null
      }
      return request.tokenClaims
    })

    app.decorate('authenticate', async (request) => {
      if (request.headers.authorization === undefined) {
        throw new AppError('AuthenticationRequiredError', 'An access token is required')
      }
      const claims = app.readToken(request)
      if (claims === null) throw invalidToken()
      request.principal = await app.sessions.principal(claims)
    })

    async function tokenKey(secret: string, namespace: string): Promise<TokenKey> {
      const { accessToken, kid } = deriveKeys(secret)
      const issuer = { iss: config.JWT_ISSUER, aud: config.JWT_AUDIENCE }
      await app.register(fastifyJwt, {
        namespace,
        secret: accessToken,
        sign: {
          algorithm: 'HS256',
          expiresIn: config.ACCESS_TOKEN_TTL_SECONDS,
          ...issuer,
          header: { alg: 'HS256', typ: 'at+jwt', kid },
        },
        verify: {
          algorithms: ['HS256'],
          allowedIss: issuer.iss,
          allowedAud: issuer.aud,
          checkTyp: 'at+jwt',
          requiredClaims: ['sub', 'sid', 'iat', 'exp', 'iss', 'aud'],
          cache: false,
        },
      })
      const jwt = (app.jwt as unknown as Record<string, JWT>)[namespace]
      if (!jwt) throw new TypeError('the key was not registered')
      return { kid, sign: (claims) => jwt.sign(claims), verify: (token) => jwt.verify(token) }
    }
  },
  { name: 'auth' },
)
