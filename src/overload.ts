/** Why a request was refused although nothing is wrong with it: the service has more to do than it can. */
export const overloadReasons = ['event_loop_delay', 'event_loop_utilization', 'heap', 'password_hash_queue'] as const
export type OverloadReason = (typeof overloadReasons)[number]
