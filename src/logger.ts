import type { Config } from './config.ts'
import { type LoggedError, serializeError } from './error-serializer.ts'
import { flushLines } from './line-batch.ts'
import { redactText } from './redaction.ts'
import { requestPath } from './request-path.ts'

type LogArguments = [first: unknown, ...rest: unknown[]]

/** The part of a stream that a logger writes to. */
interface LogStream {
  write(line: string): void
}

/** The options of pino, as far as they are used here. */
interface LoggerOptions {
  level: Config['LOG_LEVEL']
  base: null
  timestamp(): string
  serializers: {
    req(request: { method?: string; url?: string }): Record<string, unknown>
    res(reply: { statusCode: number }): Record<string, unknown>
    err(thrown: unknown): LoggedError
  }
  redact: { paths: string[]; censor: string }
  hooks: {
    logMethod(this: object, args: LogArguments, method: (...args: LogArguments) => void): void
  }
  stream?: LogStream
}

const secretFields = [
  'password',
  'currentPassword',
  'newPassword',
  'accessToken',
  'refreshToken',
  'authorization',
  'cookie',
]

/** A second belt under the serialisers. No wildcards: each costs more than the rest of the line together. */
const secretPaths = ['', 'body.', 'headers.'].flatMap((parent) => secretFields.map((field) => parent + field))

/**
 * The log: a JSON object per line on stdout. In development on a terminal the lines are for people, where the package
 * for that is installed.
 */
export async function loggerOptions(config: Pick<Config, 'LOG_LEVEL' | 'NODE_ENV'>): Promise<LoggerOptions> {
  const forPeople = config.NODE_ENV === 'development' && process.stdout.isTTY
  const stream = forPeople ? await prettyStream() : undefined
  return {
    level: config.LOG_LEVEL,
    // Who runs several instances has the host's name from what collects the lines.
    base: null,
    timestamp: timestampPerMillisecond(),
    serializers: {
      req: ({ method, url }) => ({ method, path: requestPath(url ?? '') }),
      res: ({ statusCode }) => ({ statusCode }),
      err: serializeError,
    },
    redact: { paths: secretPaths, censor: '[secret]' },
    hooks: {
      // An error without a message of ours would lend its own to the line, past the serialiser.
      logMethod(args, method) {
        flushLines()
        const error = args.length === 1 && errorOf(args[0])
        if (error) method.call(this, args[0], redactText(error.message))
        else method.apply(this, args)
      },
    },
    ...(stream && { stream }),
  }
}

// Under load many lines share a millisecond, and writing a date out costs as much as the rest of a line.
function timestampPerMillisecond(): () => string {
  let ms = 0
  let text = ''
  return () => {
    const now = Date.now()
    if (now !== ms) {
      ms = now
      text = `,"time":"${new Date(now).toISOString()}"`
    }
    return text
  }
}

function errorOf(logged: unknown): Error | undefined {
  if (logged instanceof Error) return logged
  const { err } = (logged ?? {}) as { err?: unknown }
  return err instanceof Error ? err : undefined
}

// A development dependency: absent where the service was installed for production.
async function prettyStream(): Promise<LogStream | undefined> {
  try {
    const { default: pretty } = await import('pino-pretty')
    return pretty({ translateTime: 'SYS:HH:MM:ss.l', ignore: 'correlationId', sync: true })
  } catch {
    return undefined
  }
}
