import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseEmail } from '#src/accounts'

test('an address is kept as it was typed, without outer spaces', () => {
  assert.equal(parseEmail('  Ada.Lovelace@Example.com\t').email, 'Ada.Lovelace@Example.com')
})

test('spellings of one address have one key', () => {
  const spellings = [
    'José.Müller@Example.com',
    ' JOSÉ.MÜLLER@EXAMPLE.COM ',
    'jose\u0301.mu\u0308ller@example.com',
    'JOSE\u0301.MÜLLER@example.COM',
  ]
  assert.deepEqual([...new Set(spellings.map((each) => parseEmail(each).emailKey))], ['josé.müller@example.com'])
})

test('what a provider may tell apart has keys of its own', () => {
  const addresses = [
    'ada@example.com',
    'ad.a@example.com',
    'ada+news@example.com',
    'ada@example.org',
    'àda@example.com',
  ]
  assert.equal(new Set(addresses.map((each) => parseEmail(each).emailKey)).size, addresses.length)
})

test('a key is its own key', () => {
  for (const address of ['İstanbul@example.com', 'ΑΣ@example.com', 'ǅ@example.com', 'Å@example.com']) {
    const { emailKey } = parseEmail(address)
    assert.equal(parseEmail(emailKey).emailKey, emailKey)
  }
})
