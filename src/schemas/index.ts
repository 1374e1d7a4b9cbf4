export { ActivityEvent, activityExample, toActivityBody } from './activity.ts'
export {
  PasswordBody,
  ProfileBody,
  RegisterBody,
  toUserBody,
  User,
  userExample,
} from './accounts.ts'
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
export { ErrorDescription, ErrorEnvelope, errorDescriptions, errorRegistry } from './errors.ts'
export { IdempotencyHeader, IfMatchHeader } from './headers.ts'
export { Health, healthExample, Liveness, Readiness, unhealthyExample } from './health.ts'
export { ActivityQuery, PageOf, PageQuery } from './lists.ts'
export { metricsRouteSchema } from './metrics.ts'
export { answer, emptyAnswer, errorAnswers, errorsOf, ref } from './responses.ts'
