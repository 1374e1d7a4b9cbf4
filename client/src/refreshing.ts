import type { components } from './schema.ts'

type TokenPair = components['schemas']['TokenPair']
type ErrorEnvelope = components['schemas']['ErrorEnvelope']

type Send = (request: Request) => Promise<Response>

/** Where the tokens of a session are kept. Clients that share one share its session. */
export interface TokenStorage {
  read(): TokenPair | null | Promise<TokenPair | null>
  /** `null` when there is no session any more. */
  write(pair: TokenPair | null): void | Promise<void>
}

/** Keeps the tokens for as long as the program runs. */
export function memoryTokens(pair: TokenPair | null = null) {
  let current = pair
  return {
    read: () => current,
    write(next: TokenPair | null) {
      current = next
    },
  } satisfies TokenStorage
}

interface Options {
  fetch: Send
  refreshUrl: string
  tokens: TokenStorage
}

/** A `fetch` that sends the access token along, and sends a request again with a new one when it has expired. */
export function refreshing({ fetch, refreshUrl, tokens }: Options): Send {
  let running: Promise<Response> | undefined

  return async (request) => {
    const pair = await tokens.read()
    if (pair === null || request.headers.has('authorization')) return fetch(request)
    // A body can be read once: the copy is for the second time.
    const again = request.clone()
    const answer = await fetch(withToken(request, pair))
    if (!(await isNamed(answer, 'InvalidTokenError'))) return answer

    if ((await tokens.read())?.refreshToken === pair.refreshToken) {
      running ??= refresh(pair).finally(() => {
        running = undefined
      })
      const refused = await running
      // Each of those who wait reads the answer for itself.
      if (!refused.ok) return refused.clone()
    }
    const next = await tokens.read()
    return next === null ? answer : fetch(withToken(again, next))
  }

  async function refresh({ refreshToken }: TokenPair): Promise<Response> {
    const answer = await fetch(
      new Request(refreshUrl, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ refreshToken }),
      }),
    )
    if (answer.ok) await tokens.write((await answer.clone().json()) as TokenPair)
    else if (await isNamed(answer, 'InvalidRefreshTokenError', 'RefreshTokenReusedError')) await tokens.write(null)
    return answer
  }
}

function withToken(request: Request, { accessToken }: TokenPair): Request {
  request.headers.set('authorization', `Bearer ${accessToken}`)
  return request
}

async function isNamed(answer: Response, ...names: ErrorEnvelope['name'][]): Promise<boolean> {
  if (answer.status !== 401) return false
  // What stands between may answer 401 too, in words of its own.
  const body = (await answer
    .clone()
    .json()
    .catch(() => null)) as ErrorEnvelope | null
  return body !== null && names.includes(body.name)
}
