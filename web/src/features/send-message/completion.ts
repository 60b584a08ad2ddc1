/** What the word at the caret asks to be completed with. Pure. */

export type Trigger = '/' | '@' | '$'

export interface Completion {
  trigger: Trigger
  query: string
  /** Where the trigger stands. */
  from: number
}

/** A slash only begins a message; @ and $ begin a word. */
export function completionAt(text: string, caret: number): Completion | null {
  const before = text.slice(0, caret)
  const slash = /^\/([\w:.-]*)$/.exec(before)
  if (slash) return { trigger: '/', query: slash[1] ?? '', from: 0 }
  const word = /(^|\s)([@$])([^\s@$]*)$/.exec(before)
  if (!word) return null
  const trigger = word[2] as Trigger
  if (trigger === '$' && /^\d/.test(word[3] ?? '')) return null
  return { trigger, query: word[3] ?? '', from: before.length - (word[3] ?? '').length - 1 }
}

export function complete(text: string, caret: number, c: Completion, replacement: string): { text: string; caret: number } {
  const head = text.slice(0, c.from) + replacement
  const rest = text.slice(caret)
  const space = rest.startsWith(' ') || replacement.endsWith(' ') ? '' : ' '
  return { text: head + space + rest, caret: head.length + 1 }
}

/** A file as this agent wants it mentioned. */
export function fileMention(path: string, flavor: string): string {
  return flavor === 'codex' ? `@"${path}"` : `@${path}`
}

/** How well name answers query; null when it does not. Smaller is better. */
export function fuzzy(name: string, query: string): number | null {
  const n = name.toLowerCase()
  const q = query.toLowerCase()
  if (q === '') return 0
  const at = n.indexOf(q)
  if (at >= 0) return at
  let i = 0
  for (const c of n) if (c === q[i]) i++
  return i === q.length ? 100 + n.length : null
}

export function rank<T>(items: readonly T[], query: string, nameOf: (item: T) => string, most: number): T[] {
  return items
    .map((item) => ({ item, score: fuzzy(nameOf(item), query) }))
    .filter((x): x is { item: T; score: number } => x.score !== null)
    .sort((a, b) => a.score - b.score)
    .slice(0, most)
    .map((x) => x.item)
}
