export const roles = ['user', 'admin'] as const
export type Role = (typeof roles)[number]

/** An account as its owner sees it, and the version its `ETag` is made of. */
export interface User {
  id: string
  /** As typed at registration or by the last change. */
  email: string
  fullName: string
  role: Role
  /** Raised by one with each change. */
  version: number
  createdAt: Date
  updatedAt: Date
}

/** Who makes a request: a user, through one of the user's sessions. */
export interface Principal {
  user: User
  sessionId: string
}
