/** The skills a person used last, the latest first. */
const key = 'hapi-recent-skills'
const kept = 20

export function recentSkills(): string[] {
  try {
    const list: unknown = JSON.parse(localStorage.getItem(key) ?? '[]')
    return Array.isArray(list) ? list.filter((s): s is string => typeof s === 'string') : []
  } catch {
    return []
  }
}

export function rememberSkill(name: string) {
  localStorage.setItem(key, JSON.stringify([name, ...recentSkills().filter((s) => s !== name)].slice(0, kept)))
}

/** Those used lately come first, the others stay in their order. */
export function latestFirst<T extends { name: string }>(skills: readonly T[], recent: readonly string[]): T[] {
  const rank = (s: T) => (recent.includes(s.name) ? recent.indexOf(s.name) : recent.length)
  return skills.toSorted((a, b) => rank(a) - rank(b))
}
