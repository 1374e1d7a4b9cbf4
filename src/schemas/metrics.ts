import { Type } from '@sinclair/typebox'

/** The documentation of `GET /metrics`, which a plugin serves. */
export const metricsRouteSchema = {
  operationId: 'getMetrics',
  summary: 'Metrics for Prometheus',
  description: 'With METRICS_TOKEN configured, only for those who send it; in production there is nothing without one.',
  tags: ['operations'],
  security: [{ metricsToken: [] }, {}],
  response: {
    200: {
      description: 'The text exposition format',
      content: {
        'text/plain': {
          schema: Type.String(),
          examples: {
            example: {
              value:
                '# HELP user_registrations_total Total user registrations\n# TYPE user_registrations_total counter\n',
            },
          },
        },
      },
    },
  },
}
