/** What git says on its standard output, as data. */

export interface ChangedFile {
  path: string
  oldPath: string | null
  /** M, A, D, R, U or ? */
  status: string
  staged: boolean
  added: number | null
  removed: number | null
}

export interface GitState {
  branch: string
  ahead: number
  behind: number
  staged: ChangedFile[]
  unstaged: ChangedFile[]
}

function unquote(path: string): string {
  if (!path.startsWith('"')) return path
  const inner = path.slice(1, -1)
  const bytes: number[] = []
  for (let i = 0; i < inner.length; i++) {
    const octal = /^\\([0-7]{3})/.exec(inner.slice(i))
    if (octal) {
      bytes.push(Number.parseInt(octal[1] ?? '0', 8))
      i += 3
    } else if (inner[i] === '\\') {
      i++
      bytes.push(...new TextEncoder().encode({ n: '\n', t: '\t' }[inner[i] ?? ''] ?? inner[i] ?? ''))
    } else bytes.push(...new TextEncoder().encode(inner[i] ?? ''))
  }
  return new TextDecoder().decode(Uint8Array.from(bytes))
}

/** `git status --porcelain=v2 --branch` with the counts of two `git diff --numstat`. */
export function parseStatus(status: string, stagedStat: string, unstagedStat: string): GitState {
  const counts = { staged: parseNumstat(stagedStat), unstaged: parseNumstat(unstagedStat) }
  const out: GitState = { branch: '', ahead: 0, behind: 0, staged: [], unstaged: [] }
  const add = (staged: boolean, mark: string, path: string, oldPath: string | null) => {
    if (mark === '.') return
    const stat = (staged ? counts.staged : counts.unstaged).get(path)
    ;(staged ? out.staged : out.unstaged).push({ path, oldPath, status: mark, staged, added: stat?.[0] ?? null, removed: stat?.[1] ?? null })
  }
  for (const line of status.split('\n')) {
    if (line.startsWith('# branch.head ')) out.branch = line.slice(14)
    else if (line.startsWith('# branch.ab ')) {
      const ab = /\+(\d+) -(\d+)/.exec(line)
      out.ahead = Number(ab?.[1] ?? 0)
      out.behind = Number(ab?.[2] ?? 0)
    } else if (line.startsWith('1 ')) {
      const path = unquote(line.split(' ').slice(8).join(' '))
      add(true, line[2] ?? '.', path, null)
      add(false, line[3] ?? '.', path, null)
    } else if (line.startsWith('2 ')) {
      const [path = '', old = ''] = line.split(' ').slice(9).join(' ').split('\t')
      add(true, line[2] ?? '.', unquote(path), unquote(old))
      add(false, line[3] ?? '.', unquote(path), unquote(old))
    } else if (line.startsWith('u ')) add(false, 'U', unquote(line.split(' ').slice(10).join(' ')), null)
    else if (line.startsWith('? ')) add(false, '?', unquote(line.slice(2)), null)
  }
  return out
}

export function parseNumstat(text: string): Map<string, [number, number]> {
  const out = new Map<string, [number, number]>()
  for (const line of text.split('\n')) {
    const m = /^(\d+|-)\t(\d+|-)\t(.*)$/.exec(line)
    if (!m) continue
    // A rename is written "dir/{old => new}/file" or "old => new".
    const path = unquote((m[3] ?? '').replace(/\{(.*) => (.*)\}/, '$2').replace(/^.* => /, '').replaceAll('//', '/'))
    if (m[1] !== '-') out.set(path, [Number(m[1]), Number(m[2])])
  }
  return out
}
