import { type Static, Type } from '@sinclair/typebox'
import type { Session as SessionRecord } from '#src/auth'
import { EmailAddress, Id, NullableText, Password, Timestamp, text } from './fields.ts'

const closed = { additionalProperties: false } as const

const loginExample = { email: 'user@example.com', password: 'correct horse battery staple', deviceName: 'Laptop' }
export const tokenPairExample = {
  accessToken: 'eyJhbGciOiJIUzI1NiIsInR5cCI6ImF0K2p3dCIsImtpZCI6IkV4YW1wbGUifQ.e30.c2lnbmF0dXJl',
  refreshToken: 'AZey9H0QfD6PIVtsfY6fAgAAAAABI0VniavN7wEjRWeJq83vASNFZ4mrze8BI0VniavN7w',
  tokenType: 'Bearer' as const,
  expiresIn: 900,
}

export const LoginBody = Type.Object(
  { email: EmailAddress, password: Password, deviceName: Type.Optional(text(100)) },
  { ...closed, examples: [loginExample] },
)
export type LoginBody = Static<typeof LoginBody>

/** Any text is taken: what is no live refresh token gets 401, whatever its shape. */
export const RefreshBody = Type.Object(
  { refreshToken: Type.String({ maxLength: 1024, 'x-secret': true }) },
  { ...closed, examples: [{ refreshToken: tokenPairExample.refreshToken }] },
)
export type RefreshBody = Static<typeof RefreshBody>

export const TokenPair = Type.Object(
  {
    accessToken: Type.String({ 'x-secret': true }),
    refreshToken: Type.String({ 'x-secret': true }),
    tokenType: Type.Literal('Bearer'),
    expiresIn: Type.Integer({ description: 'Seconds that the access token lives' }),
  },
  { $id: 'TokenPair', ...closed },
)
export type TokenPair = Static<typeof TokenPair>

export const Session = Type.Object(
  {
    id: Id,
    deviceName: NullableText,
    ip: NullableText,
    userAgent: NullableText,
    createdAt: Timestamp,
    lastUsedAt: Timestamp,
    expiresAt: Timestamp,
    current: Type.Boolean({ description: 'Whether this is the session that asks' }),
  },
  { $id: 'Session', ...closed },
)
export type Session = Static<typeof Session>

export const SessionParams = Type.Object(
  {
    id: Type.String({
      format: 'uuid',
      description: 'Which session',
      examples: ['0197b2f4-8b4f-7c5d-9e10-1a2b3c4d5e6f'],
    }),
  },
  closed,
)

export const sessionExample: Session = {
  id: '0197b2f4-8b4f-7c5d-9e10-1a2b3c4d5e6f',
  deviceName: 'Laptop',
  ip: '203.0.113.7',
  userAgent: 'Mozilla/5.0',
  createdAt: '2026-01-15T10:31:00.000Z',
  lastUsedAt: '2026-01-15T10:46:00.000Z',
  expiresAt: '2026-02-14T10:46:00.000Z',
  current: true,
}

/** A session as its owner sees it. */
export function toSessionBody(session: SessionRecord, currentId: string): Session {
  return {
    id: session.id,
    deviceName: session.deviceName,
    ip: session.ip,
    userAgent: session.userAgent,
    createdAt: session.createdAt.toISOString(),
    lastUsedAt: session.lastUsedAt.toISOString(),
    expiresAt: session.expiresAt.toISOString(),
    current: session.id === currentId,
  }
}
