/** Why a registration failed; `none` marks a success. */
export const registrationReasons = ['none', 'email_taken', 'weak_password', 'error'] as const
/** Why a login failed; `none` marks a success. */
export const loginReasons = ['none', 'invalid_credentials', 'account_disabled', 'error'] as const
/** Why a refresh failed; `none` marks a success. */
export const refreshReasons = ['none', 'invalid', 'reused', 'error'] as const

export type RegistrationReason = (typeof registrationReasons)[number]
export type LoginReason = (typeof loginReasons)[number]
export type RefreshReason = (typeof refreshReasons)[number]

/** What the use cases count. The reason is one of a closed list, never user input. */
export interface BusinessMetrics {
  registration(reason: RegistrationReason): void
  login(reason: LoginReason): void
  tokenRefresh(reason: RefreshReason): void
}

/**
 * Runs a use case and counts its outcome once: `none`, the reason of a refusal, or `error` for a fault.
 * @param reasonOf the reason for a thrown error, `undefined` for a fault
 */
export async function counted<Result, Reason extends string>(
  count: (reason: Reason | 'none' | 'error') => void,
  reasonOf: (error: unknown) => Reason | 'none' | 'error' | undefined,
  useCase: () => Promise<Result>,
): Promise<Result> {
  try {
    const result = await useCase()
    count('none')
    return result
  } catch (error) {
    count(reasonOf(error) ?? 'error')
    throw error
  }
}
