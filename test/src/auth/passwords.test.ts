import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { hash, verify } from '@node-rs/argon2'
import { createPasswords, hashQueueFull, hashThreadLost } from '#src/auth'
import { AppError } from '#src/errors'

const cost = { memoryKib: 64, timeCost: 1, parallelism: 1 }

/** Passwords on the real function, at a low cost; says what was verified against, and what was complained about. */
function setUp(change: Partial<Parameters<typeof createPasswords>[0]> = {}) {
  const verified: string[] = []
  const complaints: unknown[] = []
  const argon2: Parameters<typeof createPasswords>[0]['argon2'] = {
    hash: (password, { memoryKib, timeCost, parallelism }) =>
      hash(password, { memoryCost: memoryKib, timeCost, parallelism }),
    verify: (encoded, password) => {
      verified.push(encoded)
      return verify(encoded, password)
    },
  }
  const passwords = createPasswords({
    argon2,
    cost,
    minLength: 15,
    isCommon: (password) => password.toLowerCase() === 'correcthorsebatterystaple',
    bounded: (work) => work(),
    onMalformedHash: (error) => complaints.push(error),
    ...change,
  })
  return { passwords, verified, complaints }
}

function refusal(check: () => void): [pointer: string | undefined, code: string | undefined] {
  try {
    check()
  } catch (error) {
    assert.ok(error instanceof AppError)
    assert.equal(error.name, 'ValidationError')
    return [error.errors[0]?.pointer, error.errors[0]?.code]
  }
  assert.fail('the password was accepted')
}

suite('a password', () => {
  test('is the same composed and decomposed', async () => {
    const { passwords } = setUp()
    const [nfc, nfd] = ['pâté à la crème brûlée'.normalize('NFC'), 'pâté à la crème brûlée'.normalize('NFD')]
    assert.notEqual(nfc, nfd)
    assert.equal(await passwords.verify(await passwords.hash(nfc), nfd), true)
    assert.equal(await passwords.verify(await passwords.hash(nfd), nfc), true)
    assert.equal(await passwords.verify(await passwords.hash(nfd), nfc.toUpperCase()), false)
  })

  test('is as long as it has characters, in its composed form', async () => {
    const { passwords } = setUp()
    const check = (password: string) => passwords.check(password, 'ada@example.com', '/password')
    check('🔑'.repeat(15))
    check(' '.repeat(15))
    assert.deepEqual(
      refusal(() => check('🔑'.repeat(14))),
      ['/password', 'minLength'],
    )
    assert.deepEqual(
      refusal(() => check('é'.normalize('NFD').repeat(14))),
      ['/password', 'minLength'],
    )
  })

  test('is not a common one, nor made of the address', async () => {
    const { passwords } = setUp()
    const check =
      (password: string, email = 'Grace.Hopper@example.com') =>
      () =>
        passwords.check(password, email, '/newPassword')
    assert.deepEqual(refusal(check('CorrectHorseBatteryStaple')), ['/newPassword', 'common'])
    assert.deepEqual(refusal(check('I am GRACE.HOPPER indeed')), ['/newPassword', 'containsEmail'])
    check('example.com is my home')()
    check('al is in many other words', 'al@example.com')()
  })
})

suite('a stored hash', () => {
  test('is an argon2id PHC string of the configured cost, with a salt of its own', async () => {
    const { passwords } = setUp()
    const [one, two] = [await passwords.hash('a password of the test'), await passwords.hash('a password of the test')]
    assert.match(one, /^\$argon2id\$v=19\$m=64,t=1,p=1\$[\w+/]{22}\$[\w+/]{43}$/)
    assert.notEqual(one, two)
  })

  test('of another cost is verified, and asks for a new hash', async () => {
    const { passwords } = setUp()
    for (const other of [{ memoryCost: 128 }, { timeCost: 2 }, { parallelism: 2 }]) {
      const stored = await hash('a password of the test', { memoryCost: 64, timeCost: 1, parallelism: 1, ...other })
      assert.equal(await passwords.verify(stored, 'a password of the test'), true)
      assert.equal(passwords.needsRehash(stored), true)
    }
    assert.equal(passwords.needsRehash(await passwords.hash('a password of the test')), false)
  })

  test('that is malformed matches nothing, costs a check all the same and is reported', async () => {
    const { passwords, verified, complaints } = setUp()
    const good = await passwords.hash('a password of the test')
    const malformed = ['', 'plain text', good.slice(0, 40), good.replace('argon2id', 'argon2i'), `${good}$`]
    for (const [index, stored] of malformed.entries()) {
      verified.length = 0
      assert.equal(await passwords.verify(stored, 'a password of the test'), false, stored)
      assert.equal(complaints.length, index + 1)
      assert.ok(
        verified.some((encoded) => encoded !== stored),
        'the time of a check is spent',
      )
    }
  })

  test('that could not be checked is neither wrong nor malformed', async () => {
    const { passwords, complaints } = setUp({
      argon2: { hash: async () => '', verify: () => Promise.reject(hashThreadLost(new Error('the thread has ended'))) },
    })
    const stored = '$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$aGFzaA'
    await assert.rejects(passwords.verify(stored, 'a password'), { name: 'ServiceUnavailableError' })
    assert.deepEqual(complaints, [])
  })

  test('that would be too expensive to check is not checked', async () => {
    const { passwords, verified, complaints } = setUp()
    const good = await passwords.hash('a password of the test')
    for (const expensive of ['m=999999999,t=1,p=1', 'm=64,t=999999999,p=1', 'm=64,t=1,p=255', 'm=262145,t=1,p=1']) {
      const stored = good.replace('m=64,t=1,p=1', expensive)
      assert.equal(await passwords.verify(stored, 'a password of the test'), false)
      assert.ok(!verified.includes(stored))
    }
    assert.equal(complaints.length, 4)
  })

  test('that is not there is replaced by one of the same cost, which nothing matches', async () => {
    const { passwords, verified } = setUp()
    assert.equal(await passwords.verify(null, 'no password has this hash'), false)
    assert.match(verified[0] ?? '', /^\$argon2id\$v=19\$m=64,t=1,p=1\$/)
  })
})

test('a hash or check that finds the queue full fails before it costs anything', async () => {
  const full = () => Promise.reject(hashQueueFull(2))
  const { passwords, verified } = setUp({ bounded: full })
  for (const work of [passwords.hash('a password of the test'), passwords.verify(null, 'a password of the test')]) {
    await assert.rejects(work, { name: 'ServiceUnavailableError', retryAfterSeconds: 2 })
  }
  assert.deepEqual(verified, [])
})
