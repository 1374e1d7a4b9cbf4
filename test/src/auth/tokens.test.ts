import assert from 'node:assert/strict'
import { createHmac, randomBytes } from 'node:crypto'
import { suite, test } from 'node:test'
import { createAccessTokens, createRefreshTokens, deriveKeys, type TokenKey } from '#src/auth'
import { newId } from '#src/ids'

/** A key that signs with HMAC and checks nothing else: what else there is to check is left to the one who has it. */
function fakeKey(kid: string): TokenKey {
  const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url')
  const mac = (input: string) => createHmac('sha256', kid).update(input).digest('base64url')
  return {
    kid,
    sign(claims) {
      const iat = Math.floor(Date.now() / 1000)
      const input = `${encode({ alg: 'HS256', typ: 'at+jwt', kid })}.${encode({ iat, exp: iat + 900, ...claims })}`
      return `${input}.${mac(input)}`
    },
    verify(token) {
      const [header, payload = '', signature] = token.split('.')
      if (mac(`${header}.${payload}`) !== signature) throw new Error('not my signature')
      return JSON.parse(Buffer.from(payload, 'base64url').toString())
    },
  }
}

suite('access tokens', () => {
  const subject = () => ({ userId: newId(), sessionId: newId() })

  test('say whose they are', () => {
    const tokens = createAccessTokens([fakeKey('one')], 900)
    const claims = subject()
    assert.deepEqual(tokens.verify(tokens.issue(claims)), claims)
  })

  test('of a former key are good, and none is made with it', () => {
    const former = createAccessTokens([fakeKey('former')], 900)
    const rotated = createAccessTokens([fakeKey('current'), fakeKey('former')], 900)
    const claims = subject()
    assert.deepEqual(rotated.verify(former.issue(claims)), claims)
    assert.equal(former.verify(rotated.issue(claims)), null)
  })

  test('are checked by the key that they name, and no other', () => {
    const calls: string[] = []
    const spy = (kid: string): TokenKey => {
      const key = fakeKey(kid)
      return {
        ...key,
        verify(token) {
          calls.push(kid)
          return key.verify(token)
        },
      }
    }
    const tokens = createAccessTokens([spy('current'), spy('former')], 900)
    const [, payload, signature] = fakeKey('former').sign({ sub: newId(), sid: newId() }).split('.')
    const naming = (header: unknown) => Buffer.from(JSON.stringify(header)).toString('base64url')
    for (const header of [{ kid: 'other' }, {}, { kid: null }, { kid: ['former'] }, 'text', null]) {
      assert.equal(tokens.verify(`${naming(header)}.${payload}.${signature}`), null)
    }
    assert.deepEqual(calls, [])
    tokens.verify(`${naming({ kid: 'former' })}.${payload}.${signature}`)
    assert.deepEqual(calls, ['former'])
  })

  test('with claims that are not ours are refused although the signature is', () => {
    const key = fakeKey('one')
    const tokens = createAccessTokens([key], 900)
    const now = Math.floor(Date.now() / 1000)
    const good = { sub: newId(), sid: newId(), iat: now, exp: now + 900 }
    assert.ok(tokens.verify(key.sign(good)))
    assert.ok(tokens.verify(key.sign({ ...good, iat: now + 3, exp: now + 903 } as typeof good)), 'clocks differ')
    const changes = [
      { iat: now + 60, exp: now + 960 },
      { exp: now + 901 },
      { iat: undefined },
      { exp: String(now + 900) },
      { exp: Number.MAX_VALUE },
      { sub: undefined },
      { sub: 'ada' },
      { sub: good.sub.toUpperCase() },
      { sid: 7 },
      { sid: `${good.sid}\n` },
    ]
    for (const change of changes) {
      assert.equal(tokens.verify(key.sign({ ...good, ...change } as typeof good)), null, JSON.stringify(change))
    }
  })

  test('of any other shape are refused', () => {
    const tokens = createAccessTokens([fakeKey('one')], 900)
    for (const text of ['', '.', '..', '...', 'a.b.c', '\0', '😀.😀.😀', 'x'.repeat(10_000)]) {
      assert.equal(tokens.verify(text), null)
    }
  })
})

suite('refresh tokens', () => {
  const [key, other] = [randomBytes(32), randomBytes(32)]
  const tokens = createRefreshTokens([key])

  test('carry their session and generation, and need not be stored', () => {
    for (const generation of [0, 1, 255, 256, 2 ** 31 - 1]) {
      const claims = { sessionId: newId(), generation }
      assert.deepEqual(tokens.read(tokens.issue(claims)), claims)
      assert.equal(tokens.issue(claims), createRefreshTokens([key]).issue(claims))
    }
  })

  test('differ in 256 bits between generations, sessions and keys', () => {
    const claims = { sessionId: newId(), generation: 0 }
    const secretOf = (token: string) => Buffer.from(token, 'base64url').subarray(20)
    const secrets = [
      tokens.issue(claims),
      tokens.issue({ ...claims, generation: 1 }),
      tokens.issue({ ...claims, sessionId: newId() }),
      createRefreshTokens([other]).issue(claims),
    ].map(secretOf)
    assert.ok(secrets.every((secret) => secret.length === 32))
    assert.equal(new Set(secrets.map((secret) => secret.toString('hex'))).size, 4)
  })

  test('of a former key are read, of a foreign one are not', () => {
    const claims = { sessionId: newId(), generation: 3 }
    const old = createRefreshTokens([other]).issue(claims)
    assert.equal(tokens.read(old), null)
    assert.deepEqual(createRefreshTokens([key, other]).read(old), claims)
    assert.equal(createRefreshTokens([key, other]).issue(claims), tokens.issue(claims))
  })

  test('with any bit changed, or spelled another way, are not read', () => {
    const token = tokens.issue({ sessionId: newId(), generation: 1 })
    const bytes = Buffer.from(token, 'base64url')
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const changed = Buffer.from(bytes)
      changed.writeUInt8(changed.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3)
      assert.equal(tokens.read(changed.toString('base64url')), null, `bit ${bit}`)
    }
    const spellings = [`${token}=`, ` ${token}`, token.slice(0, -1), token.replace(/.$/, '-'), '', 'A'.repeat(70)]
    for (const text of spellings.filter((text) => text !== token)) assert.equal(tokens.read(text), null, text)
  })
})

test('the keys that one secret gives are all different, and the same each time', () => {
  const secret = 'a key for tests only and of more than 32 bytes'
  const { kid, ...keys } = deriveKeys(secret)
  assert.deepEqual(deriveKeys(secret), { kid, ...keys })
  const values = Object.values(keys).map((key) => key.toString('hex'))
  assert.equal(new Set(values).size, values.length)
  assert.equal(keys.accessToken.toString('utf8'), secret)
  assert.notEqual(deriveKeys(`${secret}.`).kid, kid)
  assert.ok(!values.some((value) => value.includes(Buffer.from(kid).toString('hex'))))
})
