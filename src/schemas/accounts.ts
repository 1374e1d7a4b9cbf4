import { type Static, Type } from '@sinclair/typebox'
import { type Role, roles, type User as UserRecord } from '#src/accounts'
import { EmailAddress, Id, Password, Timestamp, text } from './fields.ts'

const closed = { additionalProperties: false } as const

/** An account as its owner sees it. */
export const User = Type.Object(
  {
    id: Id,
    email: Type.String({ 'x-secret': true }),
    fullName: Type.String(),
    role: Type.Unsafe<Role>({ type: 'string', enum: [...roles] }),
    createdAt: Timestamp,
    updatedAt: Timestamp,
  },
  { $id: 'User', ...closed },
)
export type User = Static<typeof User>

const registerExample = {
  email: 'user@example.com',
  password: 'correct horse battery staple',
  fullName: 'John Doe',
}

export const RegisterBody = Type.Object(
  { email: EmailAddress, password: Password, fullName: text(200) },
  { ...closed, examples: [registerExample] },
)
export type RegisterBody = Static<typeof RegisterBody>

export const ProfileBody = Type.Object(
  { fullName: Type.Optional(text(200)), email: Type.Optional(EmailAddress) },
  { ...closed, minProperties: 1, examples: [{ fullName: 'John R. Doe' }] },
)
export type ProfileBody = Static<typeof ProfileBody>

export const PasswordBody = Type.Object(
  { currentPassword: Password, newPassword: Password },
  {
    ...closed,
    examples: [{ currentPassword: registerExample.password, newPassword: 'a longer horse battery staple' }],
  },
)
export type PasswordBody = Static<typeof PasswordBody>

export const userExample: User = {
  id: '0197b2f4-7d10-7a3e-8f21-5b6c7d8e9f01',
  email: 'user@example.com',
  fullName: 'John Doe',
  role: 'user',
  createdAt: '2026-01-15T10:30:00.000Z',
  updatedAt: '2026-01-15T10:30:00.000Z',
}

/** An account as its owner sees it. */
export function toUserBody(user: UserRecord): User {
  return {
    id: user.id,
    email: user.email,
    fullName: user.fullName,
    role: user.role,
    createdAt: user.createdAt.toISOString(),
    updatedAt: user.updatedAt.toISOString(),
  }
}
