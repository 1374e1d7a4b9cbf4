export {
  PasswordBody,
  ProfileBody,
  RegisterBody,
  toUserBody,
  User,
  userExample,
} from './accounts.ts'
export { ActivityEvent, activityExample, toActivityBody } from './activity.ts'
export {
  LoginBody,
  RefreshBody,
  Session,
  SessionParams,
  sessionExample,
  TokenPair,
  tokenPairExample,
  toSessionBody,
} from './auth.ts'
export { withCommonParts } from './document.ts'
export { errorAnswers } from './error-answers.ts'
export { ErrorDescription, ErrorEnvelope, errorDescriptions, errorRegistry } from './errors.ts'
export { etagHeader, IdempotencyHeader, IfMatchHeader, IfNoneMatchHeader } from './headers.ts'
export { Health, healthExample, Liveness, Readiness, unhealthyExample } from './health.ts'
export { ActivityQuery, PageOf, PageQuery } from './lists.ts'
export { metricsRouteSchema } from './metrics.ts'
export { answer, emptyAnswer, ref } from './responses.ts'
export { ApiVersion, apiVersionExample } from './versions.ts'
