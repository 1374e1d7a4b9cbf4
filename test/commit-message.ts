// The shape of commit messages: a subject that says what the commit does, and below it why, if that is not plain.
import { readFileSync } from 'node:fs'

const MAX_SUBJECT = 72

/** What is wrong with a commit message; empty when nothing is. */
export function messageProblems(message: string): string[] {
  const lines = message.split('\n').filter((line) => !line.startsWith('#'))
  const [subject = '', second = ''] = lines
  // Git writes these itself.
  if (/^(Merge|Revert|fixup!|squash!) ?/.test(subject)) return []
  return [
    !/^\p{Lu}/u.test(subject) && 'the subject begins with a capital letter',
    subject.length > MAX_SUBJECT && `the subject has at most ${MAX_SUBJECT} characters`,
    /[.\s]$/.test(subject) && 'the subject does not end with a full stop',
    /^\w+(\(.*\))?!?: /.test(subject) && 'the subject has no prefix such as "feat:"',
    second !== '' && 'the second line is empty',
  ].filter((problem) => problem !== false)
}

const [path] = process.argv.slice(2)
if (import.meta.main && path) {
  const problems = messageProblems(readFileSync(path, 'utf8'))
  for (const problem of problems) console.error(`commit message: ${problem}`)
  process.exitCode = problems.length > 0 ? 1 : 0
}
