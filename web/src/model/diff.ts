/** Differences between texts, down to the word, and unified diffs as git writes them. */
import { diffArrays, diffWordsWithSpace } from 'diff'

export interface Word {
  text: string
  changed: boolean
}

export interface DiffLine {
  kind: 'same' | 'add' | 'del'
  before: number | null
  after: number | null
  words: Word[]
}

export interface Hunk {
  /** What git says the hunk is in, e.g. a function's head. */
  context: string
  lines: DiffLine[]
}

export interface FileDiff {
  path: string
  oldPath: string | null
  binary: boolean
  hunks: Hunk[]
  added: number
  removed: number
}

const plain = (text: string): Word[] => [{ text, changed: false }]

/** Beyond this the exact difference costs more than it tells. */
const tooLong = 4000

/** How one text became the other, with a few unchanged lines around each change. */
export function diffTexts(before: string, after: string, firstLine = 1, around = 3): Hunk[] {
  const a = before === '' ? [] : before.replace(/\n$/, '').split('\n')
  const b = after === '' ? [] : after.replace(/\n$/, '').split('\n')
  const changes = a.length + b.length > tooLong ? [{ removed: true, added: false, value: a }, { added: true, removed: false, value: b }] : diffArrays(a, b)
  const lines: DiffLine[] = []
  let left = firstLine
  let right = firstLine
  for (const change of changes) {
    for (const text of change.value) {
      if (change.removed) lines.push({ kind: 'del', before: left++, after: null, words: plain(text) })
      else if (change.added) lines.push({ kind: 'add', before: null, after: right++, words: plain(text) })
      else lines.push({ kind: 'same', before: left++, after: right++, words: plain(text) })
    }
  }
  return nearChanges(markWords(lines), around)
}

function nearChanges(lines: DiffLine[], around: number): Hunk[] {
  const near = Array.from({ length: lines.length }, () => false)
  lines.forEach((l, i) => {
    if (l.kind !== 'same') for (let j = Math.max(0, i - around); j <= Math.min(lines.length - 1, i + around); j++) near[j] = true
  })
  const hunks: Hunk[] = []
  let open: DiffLine[] | null = null
  lines.forEach((l, i) => {
    if (!near[i]) open = null
    else if (open) open.push(l)
    else hunks.push({ context: '', lines: (open = [l]) })
  })
  return hunks
}

/** Within a replaced stretch, says which words changed; lines that became wholly others stay plain. */
export function markWords(lines: DiffLine[]): DiffLine[] {
  const out = [...lines]
  for (let i = 0; i < out.length; ) {
    if (out[i]?.kind !== 'del') {
      i++
      continue
    }
    let dels = i
    while (out[dels]?.kind === 'del') dels++
    let adds = dels
    while (out[adds]?.kind === 'add') adds++
    const pairs = Math.min(dels - i, adds - dels)
    for (let k = 0; k < pairs; k++) {
      const del = out[i + k]
      const add = out[dels + k]
      if (!del || !add) continue
      const [from, to] = wordDiff(textOf(del), textOf(add))
      out[i + k] = { ...del, words: from }
      out[dels + k] = { ...add, words: to }
    }
    i = Math.max(adds, i + 1)
  }
  return out
}

export const textOf = (line: DiffLine) => line.words.map((w) => w.text).join('')

function wordDiff(a: string, b: string): [Word[], Word[]] {
  if (a.length + b.length > 2000) return [plain(a), plain(b)]
  const parts = diffWordsWithSpace(a, b)
  const kept = parts.filter((p) => !p.added && !p.removed).reduce((n, p) => n + p.value.trim().length, 0)
  if (kept < Math.min(a.trim().length, b.trim().length) * 0.3) return [plain(a), plain(b)]
  return [parts.filter((p) => !p.added).map((p) => ({ text: p.value, changed: p.removed === true })), parts.filter((p) => !p.removed).map((p) => ({ text: p.value, changed: p.added === true }))]
}

export function parseUnified(text: string): FileDiff[] {
  const files: FileDiff[] = []
  let file: FileDiff | null = null
  let lines: DiffLine[] | null = null
  let left = 0
  let right = 0
  const open = (path: string): FileDiff => {
    const f: FileDiff = { path, oldPath: null, binary: false, hunks: [], added: 0, removed: 0 }
    files.push(f)
    lines = null
    return f
  }
  const rows = text.split('\n')
  rows.forEach((row, i) => {
    const git = /^diff --git a\/(.*) b\/(.*)$/.exec(row)
    if (git) {
      file = open(git[2] ?? '')
      return
    }
    const head = /^@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@ ?(.*)$/.exec(row)
    if (head) {
      file ??= open('')
      left = Number(head[1])
      right = Number(head[2])
      lines = []
      file.hunks.push({ context: head[3] ?? '', lines })
      return
    }
    if (!lines || (row.startsWith('--- ') && rows[i + 1]?.startsWith('+++ '))) {
      const named = /^(---|\+\+\+) (?:[ab]\/)?(.*?)(?:\t.*)?$/.exec(row)
      if (named?.[1] === '---' && (!file || file.hunks.length > 0)) file = open('')
      if (named && file) {
        const path = named[2] === '/dev/null' ? null : (named[2] ?? null)
        if (named[1] === '---') file.oldPath = path
        else file.path = path ?? file.oldPath ?? file.path
      }
      if (file && /^(Binary files|GIT binary patch)/.test(row)) file.binary = true
      return
    }
    if (!file) return
    const words = plain(row.slice(1))
    if (row.startsWith('+')) {
      lines.push({ kind: 'add', before: null, after: right++, words })
      file.added++
    } else if (row.startsWith('-')) {
      lines.push({ kind: 'del', before: left++, after: null, words })
      file.removed++
    } else if (row.startsWith(' ') || (row === '' && i < rows.length - 1)) lines.push({ kind: 'same', before: left++, after: right++, words })
  })
  for (const f of files) for (const h of f.hunks) h.lines = markWords(h.lines)
  return files
}

export function countLines(hunks: readonly Hunk[]): { added: number; removed: number } {
  let added = 0
  let removed = 0
  for (const h of hunks)
    for (const l of h.lines) {
      if (l.kind === 'add') added++
      else if (l.kind === 'del') removed++
    }
  return { added, removed }
}
