import { newEmail, password } from '#test/app'

/** An answer over the wire. */
export interface Reply {
  /** 0 when the connection broke before there was one. */
  status: number
  headers: Headers
  /** Parsed where it is JSON. */
  body: Record<string, unknown>
  /** When the request was sent, by `performance.now()`. */
  startedAt: number
  /** How long it took. */
  ms: number
}

interface CallOptions {
  method?: string
  body?: object
  token?: string
  headers?: Record<string, string>
}

/** One request to a service; never throws. */
export async function call(base: string, path: string, options: CallOptions = {}): Promise<Reply> {
  const startedAt = performance.now()
  const { body, token, method = body ? 'POST' : 'GET' } = options
  try {
    const answer = await fetch(base + path, {
      method,
      headers: {
        ...(body ? { 'content-type': 'application/json' } : {}),
        ...(token ? { authorization: `Bearer ${token}` } : {}),
        ...options.headers,
      },
      ...(body ? { body: JSON.stringify(body) } : {}),
    })
    const text = await answer.text()
    const json = answer.headers.get('content-type')?.startsWith('application/json') && text !== ''
    const { status, headers } = answer
    return { status, headers, body: json ? JSON.parse(text) : { text }, startedAt, ms: performance.now() - startedAt }
  } catch {
    return { status: 0, headers: new Headers(), body: {}, startedAt, ms: performance.now() - startedAt }
  }
}

export function register(base: string, email = newEmail(), headers: Record<string, string> = {}): Promise<Reply> {
  return call(base, '/api/v1/auth/register', { body: { email, password, fullName: 'Ada Lovelace' }, headers })
}

export function login(base: string, email: string): Promise<Reply> {
  return call(base, '/api/v1/auth/login', { body: { email, password } })
}

export function refresh(base: string, refreshToken: string): Promise<Reply> {
  return call(base, '/api/v1/auth/refresh', { body: { refreshToken } })
}

export function me(base: string, token: string): Promise<Reply> {
  return call(base, '/api/v1/users/me', { token })
}

/** A new account, signed in. */
export async function signUp(base: string) {
  const email = newEmail()
  const registered = await register(base, email)
  const { status, body } = await login(base, email)
  if (status !== 200) throw new Error(`registration ${registered.status}, login ${status}`)
  const { accessToken, refreshToken } = body as { accessToken: string; refreshToken: string }
  return { email, accessToken, refreshToken, userId: String(registered.body.id) }
}

/** The value of a metric, the sum over its labels. */
export async function metric(base: string, name: string): Promise<number> {
  const { body } = await call(base, '/metrics')
  const lines = String(body.text).match(new RegExp(`^${name}(\\{.*\\})? .*$`, 'gm')) ?? []
  return lines.reduce((sum, line) => sum + Number(line.replace(/^.* /, '')), 0)
}
