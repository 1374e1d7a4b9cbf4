export { type Accounts, createAccounts } from './accounts.ts'
export { parseEmail } from './email.ts'
export type { AccountStore } from './store.ts'
export { type Principal, type Role, roles, type User } from './user.ts'
