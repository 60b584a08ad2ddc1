import { describe, expect, test } from 'vitest'
import { parseAnsi } from './ansi'
import { diffTexts, parseUnified, textOf } from './diff'
import { parseStatus } from './git'
import { decodePath, encodePath } from './path'
import { editsOf, patchOf, prefixOf, resultText, subjectOf } from './tools'
import { clock } from './time'

describe('a difference', () => {
  const words = (before: string, after: string) => diffTexts(before, after)[0]?.lines.flatMap((l) => l.words.filter((w) => w.changed).map((w) => `${l.kind}:${w.text.trim()}`))
  test('says which words changed', () => {
    expect(words('return redirect("/")', 'return redirect(next ?? "/")')).toEqual(['add:next ??'])
  })
  test('of lines that became wholly others marks no words', () => {
    expect(words('alpha beta', 'completely different thing')).toEqual([])
  })
  test('shows a few lines around, and what is far apart apart', () => {
    const lines = Array.from({ length: 40 }, (_, i) => `line ${i}`)
    const changed = lines.map((l, i) => (i === 2 || i === 35 ? `${l}!` : l))
    const hunks = diffTexts(lines.join('\n'), changed.join('\n'))
    expect(hunks.map((h) => h.lines[0]?.before)).toEqual([1, 33])
  })
  test('of nothing to something is all new', () => {
    expect(diffTexts('', 'a\nb\n')[0]?.lines.map((l) => l.kind)).toEqual(['add', 'add'])
  })
})

describe('git’s differences', () => {
  const text = 'diff --git a/x.ts b/x.ts\nindex 1..2\n--- a/x.ts\n+++ b/x.ts\n@@ -3,3 +3,3 @@ function f()\n a\n---counter\n+++counter\n b\n\\ No newline at end of file\n'
  test('are read to the line, also where a line looks like a head', () => {
    const [file] = parseUnified(text)
    expect(file).toMatchObject({ path: 'x.ts', added: 1, removed: 1 })
    expect(file?.hunks[0]?.context).toBe('function f()')
    expect(file?.hunks[0]?.lines.map((l) => [l.kind, l.before, l.after, textOf(l)])).toEqual([
      ['same', 3, 3, 'a'],
      ['del', 4, null, '--counter'],
      ['add', null, 4, '++counter'],
      ['same', 5, 5, 'b'],
    ])
  })
  test('a binary file has none, a new one a path', () => {
    expect(parseUnified('diff --git a/p.png b/p.png\nBinary files a/p.png and b/p.png differ\n')[0]).toMatchObject({ path: 'p.png', binary: true, hunks: [] })
    expect(parseUnified('--- /dev/null\n+++ b/new.txt\n@@ -0,0 +1 @@\n+hi\n')[0]).toMatchObject({ path: 'new.txt', added: 1 })
  })
})

test('git’s state is two lists with their counts', () => {
  const status = '# branch.head main\n# branch.ab +1 -2\n1 MM N... 1 1 1 a b src/a b.ts\n2 R. N... 1 1 1 a b R100 new.ts\told.ts\nu UU N... 1 1 1 1 a b c both.ts\n? "sch\\303\\266n.txt"\n'
  const git = parseStatus(status, '3\t1\tsrc/a b.ts\n0\t0\t{old.ts => new.ts}\n', '1\t0\tsrc/a b.ts\n-\t-\tx.png\n')
  expect(git).toMatchObject({ branch: 'main', ahead: 1, behind: 2 })
  expect(git.staged.map((f) => [f.path, f.status, f.added])).toEqual([['src/a b.ts', 'M', 3], ['new.ts', 'R', 0]])
  expect(git.unstaged.map((f) => [f.path, f.status])).toEqual([['src/a b.ts', 'M'], ['both.ts', 'U'], ['schön.txt', '?']])
})

test('terminal colours are spans, cursors are nothing, a progress line shows its end', () => {
  expect(parseAnsi('\x1b[31mred\x1b[0m plain\x1b[2K \x1b[1;38;5;2mgreen')).toEqual([
    { text: 'red', color: 1, bold: false, dim: false },
    { text: ' plain', color: null, bold: false, dim: false },
    { text: ' ', color: null, bold: false, dim: false },
    { text: 'green', color: 2, bold: true, dim: false },
  ])
  expect(parseAnsi('10%\r50%\r100%\ndone').map((s) => s.text)).toEqual(['100%\ndone'])
})

test('paths survive being an address', () => {
  for (const path of ['a/b.ts', 'schön/文件.md', 'with space+plus.txt']) expect(decodePath(encodePath(path))).toBe(path)
  expect(decodePath('%%%')).toBeNull()
})

describe('tools', () => {
  test('say what they work on', () => {
    expect(subjectOf('Bash', { command: ['bash', '-lc', 'make test'] })).toBe('make test')
    expect(subjectOf('Read', { file_path: '/a/b/c/d.ts' })).toBe('c/d.ts')
    expect(subjectOf('WebFetch', { url: 'https://example.org/x' })).toBe('example.org')
    expect(subjectOf('mcp__x__y', { anything: 1 })).toBe('')
  })
  test('changes are found in every agent’s way of saying them', () => {
    expect(editsOf('MultiEdit', { file_path: 'x', edits: [{ old_string: 'a', new_string: 'b' }] })).toEqual([{ path: 'x', before: 'a', after: 'b' }])
    expect(editsOf('Write', { file_path: 'x', content: 'new' })).toEqual([{ path: 'x', before: '', after: 'new' }])
    expect(patchOf({ changes: { 'a.txt': { add: { content: 'x\ny\n' } } } })).toContain('+x\n+y')
  })
  test('results are text without wrappers', () => {
    expect(resultText('<tool_use_error>no such file</tool_use_error>')).toBe('no such file')
    expect(resultText([{ type: 'text', text: 'a' }, { type: 'text', text: 'b' }])).toBe('a\nb')
  })
  test('a command’s beginning is what a rule would cover', () => {
    expect(['npm run migrate --force', 'ls -la', 'go test ./...'].map(prefixOf)).toEqual(['npm run', 'ls', 'go test'])
  })
})

test('a running clock', () => {
  expect([41_000, 725_000, 3_723_000].map(clock)).toEqual(['0:41', '12:05', '1:02:03'])
})
