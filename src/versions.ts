import type { ApiVersion } from '#src/schemas'

/** What is known of the end of a version of the API. */
interface Lifecycle {
  /** The day, or moment (RFC 3339), from which callers should move on. It may lie ahead. */
  deprecatedSince: string
  /** From when on every request to the version is answered with 410; not before `deprecatedSince`. */
  sunsetOn?: string
  /** The version to move to. */
  successor?: string
  /** The address of a page that says how. */
  guide?: string
}

/** Lifecycles under the names of their versions, such as `v1`. */
type Lifecycles = Readonly<Record<string, Lifecycle>>

/** The versions whose end is known, such as `v1: { deprecatedSince: '2027-01-01', successor: 'v2' }`; all others are current. */
export const lifecycles: Lifecycles = {}

/** The version that a path or the template of a route belongs to. */
export function versionOf(path: string): string | undefined {
  return /^\/api\/(v\d+)(?=\/|$)/.exec(path)?.[1]
}

/**
 * What follows from the lifecycles.
 * @throws TypeError for a date that can not be read, and for an end before its announcement
 * @param now milliseconds since 1970
 */
export function createVersions(known: Lifecycles, now: () => number = () => Date.now()) {
  const moments = new Map(
    Object.entries(known).map(([name, { deprecatedSince, sunsetOn }]) => {
      const deprecatedMs = Date.parse(deprecatedSince)
      const sunsetMs = sunsetOn === undefined ? Number.POSITIVE_INFINITY : Date.parse(sunsetOn)
      if (!(deprecatedMs <= sunsetMs)) throw new TypeError(`the lifecycle of ${name} is not in order`)
      return [name, { deprecatedMs, sunsetMs }]
    }),
  )

  const statusOf = (name: string): ApiVersion['status'] => {
    const { deprecatedMs, sunsetMs } = moments.get(name) ?? { deprecatedMs: Infinity, sunsetMs: Infinity }
    return now() >= sunsetMs ? 'gone' : now() >= deprecatedMs ? 'deprecated' : 'current'
  }

  return {
    statusOf,

    describe(name: string): ApiVersion {
      const { deprecatedMs = Infinity, sunsetMs = Infinity } = moments.get(name) ?? {}
      return {
        name,
        path: `/api/${name}`,
        status: statusOf(name),
        deprecatedSince: timestamp(deprecatedMs),
        sunsetOn: timestamp(sunsetMs),
        successor: known[name]?.successor ?? null,
      }
    },

    /** The headers of every answer of a version: RFC 9745, RFC 8594, and RFC 5829 for the link to the successor. */
    headersOf(name: string): Record<string, string> {
      const moment = moments.get(name)
      if (!moment) return {}
      const { successor, guide } = known[name] ?? {}
      const links = [
        successor && `</api/${successor}>; rel="successor-version"`,
        guide && `<${guide}>; rel="deprecation"`,
      ]
      const link = links.filter(Boolean).join(', ')
      return {
        deprecation: `@${Math.floor(moment.deprecatedMs / 1000)}`,
        ...(Number.isFinite(moment.sunsetMs) && { sunset: new Date(moment.sunsetMs).toUTCString() }),
        ...(link && { link }),
      }
    },
  }
}

function timestamp(ms: number): string | null {
  return Number.isFinite(ms) ? new Date(ms).toISOString() : null
}
