/** Which request this is a repetition of, or may be repeated by. */
export interface IdempotencyClaim {
  /** The endpoint. */
  scope: string
  /** As the caller sent it. */
  key: string
  /** User id, else client address. */
  caller: string
  /** Tells another request under the same key; of the body, which may hold a password, nothing else is kept. */
  requestHmac: Buffer
}

/** An answer as it is stored and given again. */
export interface StoredAnswer {
  status: number
  headers: Record<string, string>
  body: unknown
}

/** A claim with the answer that a result will get: both are stored with the effect, or neither. */
export interface Idempotent<Result> {
  claim: IdempotencyClaim
  answerOf(result: Result): StoredAnswer
}

/** Answers to requests under an `Idempotency-Key`. */
export interface IdempotencyStore {
  /** What was stored under the claim's scope, key and caller, whatever the request was; `null` once it has expired. */
  find(claim: IdempotencyClaim): Promise<{ requestHmac: Buffer; answer: StoredAnswer } | null>
}
