import { BlockList, isIP } from 'node:net'
import { FormatRegistry, type TSchema } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'

/** How a value in a format is told from others, and what the operator reads when it is not in it. */
interface Format {
  test(text: string): boolean
  expectation: string
}

const formats: Record<string, Format> = {
  'bearer-token': {
    test: (text) => /^[\w~+/.-]+=*$/.test(text),
    expectation: 'must be of the characters that a bearer token may have (RFC 6750)',
  },
  'http-url': { test: hasScheme('http', 'https'), expectation: 'must be a URL with the scheme http or https' },
  'mongodb-url': {
    // Several hosts are legal here and nowhere else, so that URL can not parse it.
    test: (text) => /^mongodb(\+srv)?:\/\/[^\s/]+(\/\S*)?$/.test(text),
    expectation: 'must be a URL with the scheme mongodb or mongodb+srv',
  },
  network: { test: isNetwork, expectation: 'must be IP addresses or CIDR ranges, separated by commas' },
  origin: {
    test: isOrigin,
    expectation: 'must be origins such as https://app.example.com or http://localhost:*, separated by commas',
  },
  'postgres-url': {
    test: hasScheme('postgres', 'postgresql'),
    expectation: 'must be a URL with the scheme postgres or postgresql',
  },
  'redis-url': { test: hasScheme('redis', 'rediss'), expectation: 'must be a URL with the scheme redis or rediss' },
  // RFC 7518, 3.2: an HS256 key has at least 256 bits.
  'secret-key': { test: (text) => Buffer.byteLength(text) >= 32, expectation: 'must have at least 32 bytes' },
}

for (const [name, { test }] of Object.entries(formats)) FormatRegistry.Set(name, test)

/** The value of a variable, or what is wrong with its text, in words that do not repeat it. */
export function parseValue(schema: TSchema, text: string): { value: unknown } | { problem: string } {
  const value = read(schema, text)
  return Value.Check(schema, value) ? { value } : { problem: expectation(schema) }
}

/** A value as it is written in the environment. */
export function formatValue(value: unknown): string {
  if (value === undefined) return ''
  if (Array.isArray(value)) return value.join(',')
  if (isRateLimit(value)) return `${value.max}/${value.windowSeconds}`
  return String(value)
}

// What does not read as its type stays text, and fails the check.
function read(schema: TSchema, text: string): unknown {
  switch (schema.type) {
    case 'integer':
      return /^\d{1,15}$/.test(text) ? Number(text) : text
    case 'boolean':
      return text === 'true' || (text === 'false' ? false : text)
    case 'array':
      return text.split(',').map((item) => item.trim())
    case 'object': {
      const [, max, windowSeconds] = /^(\d{1,15})\/(\d{1,15})$/.exec(text) ?? []
      return { max: Number(max), windowSeconds: Number(windowSeconds) }
    }
    default:
      return text
  }
}

function expectation(schema: TSchema): string {
  switch (schema.type) {
    case 'integer':
      return `must be a whole number from ${schema.minimum} to ${schema.maximum}`
    case 'boolean':
      return 'must be true or false'
    case 'array':
      return expectation(schema.items)
    case 'object':
      return `must be <requests>/<seconds>, such as ${formatValue(schema.default)}, with at most ${schema.properties.max.maximum} requests and ${schema.properties.windowSeconds.maximum} seconds`
    case 'string':
      return formats[schema.format ?? '']?.expectation ?? 'must not be empty'
    default:
      return `must be one of: ${schema.anyOf.map((choice: TSchema) => choice.const).join(', ')}`
  }
}

function isRateLimit(value: unknown): value is { max: number; windowSeconds: number } {
  return typeof value === 'object' && value !== null && 'max' in value && 'windowSeconds' in value
}

function hasScheme(...schemes: string[]) {
  return (text: string) => {
    const url = URL.parse(text)
    return url !== null && schemes.includes(url.protocol.slice(0, -1)) && url.host !== ''
  }
}

// A range of every address would let each caller choose the address it is limited by.
function isNetwork(text: string): boolean {
  const [address = '', prefix, ...rest] = text.split('/')
  const family = isIP(address)
  if (family === 0 || address.includes('%') || rest.length > 0) return false
  if (prefix === undefined) return true
  if (!/^[1-9]\d{0,2}$/.test(prefix)) return false
  try {
    new BlockList().addSubnet(address, Number(prefix), family === 4 ? 'ipv4' : 'ipv6')
    return true
  } catch {
    return false
  }
}

// As a browser writes it in the Origin header: no path, no default port, the host in lower case.
function isOrigin(text: string): boolean {
  if (text === '*') return true
  const origin = text.replace(/:\*$/, '')
  const url = URL.parse(origin)
  return url !== null && url.host !== '' && origin === `${url.protocol}//${url.host}`
}
