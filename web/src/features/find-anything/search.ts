/** Which things a query means, best first within each group. Pure. */

interface Findable {
  group: string
  name: string
  hint: string
}

const shownWithoutQuery = 7
const shownOfGroup = 8

function score(thing: Findable, words: readonly string[]): number | null {
  const name = thing.name.toLowerCase()
  const all = `${name} ${thing.hint.toLowerCase()}`
  let total = 0
  for (const w of words) {
    if (name.startsWith(w)) continue
    if (name.includes(` ${w}`)) total += 1
    else if (name.includes(w)) total += 2
    else if (all.includes(w)) total += 4
    else return null
  }
  return total
}

export function search<T extends Findable>(things: readonly T[], query: string): T[] {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean)
  const groups = [...new Set(things.map((t) => t.group))]
  return groups.flatMap((group) => {
    const mine = things.filter((t) => t.group === group)
    if (words.length === 0) return mine.slice(0, shownWithoutQuery)
    return mine
      .map((thing) => ({ thing, score: score(thing, words) }))
      .filter((x): x is { thing: T; score: number } => x.score !== null)
      .sort((a, b) => a.score - b.score)
      .slice(0, shownOfGroup)
      .map((x) => x.thing)
  })
}
