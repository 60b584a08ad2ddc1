/** The order in which a folder is shown. Pure. */

export type Order = 'name' | 'modified' | 'size'

interface Entry {
  name: string
  type: string
  size?: number
  modified?: number
}

/** Folders first; by time and size the greatest first, and what says neither last. */
export function sorted<T extends Entry>(entries: readonly T[], order: Order): T[] {
  const folder = (e: Entry) => Number(e.type === 'directory')
  const weight = (e: Entry) => (order === 'name' ? 0 : (e[order] ?? -1))
  return entries.toSorted((a, b) => folder(b) - folder(a) || weight(b) - weight(a) || a.name.localeCompare(b.name, undefined, { numeric: true }))
}
