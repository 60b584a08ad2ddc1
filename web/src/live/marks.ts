/** What this browser's person has seen. Kept here only; a first visit shows nothing as unread. */
import type { SessionSummary } from '@/api/types'

const seenKey = 'hapi.sessionLastSeen.v1'
const unreadKey = 'hapi.sessionManualUnread.v1'
const baselineKey = (base: string) => `hapi.sessionLastSeenBaseline.v1:${base}`

function read<T>(key: string, fallback: T): T {
  try {
    const raw = localStorage.getItem(key)
    return raw === null ? fallback : (JSON.parse(raw) as T)
  } catch {
    return fallback
  }
}

export class Marks {
  #baseline: number
  #seen: Record<string, number>
  #unread: Record<string, boolean>
  #listeners = new Set<() => void>()
  #version = 0

  constructor(base: string, now: number) {
    const known = read<number | null>(baselineKey(base), null)
    this.#baseline = known ?? now
    if (known === null) localStorage.setItem(baselineKey(base), JSON.stringify(now))
    this.#seen = read(seenKey, {})
    this.#unread = read(unreadKey, {})
    window.addEventListener('storage', (e) => {
      if (e.key !== seenKey && e.key !== unreadKey) return
      this.#seen = read(seenKey, {})
      this.#unread = read(unreadKey, {})
      this.#tell()
    })
  }

  subscribe = (tell: () => void) => {
    this.#listeners.add(tell)
    return () => this.#listeners.delete(tell)
  }
  version = () => this.#version

  #tell() {
    this.#version += 1
    for (const tell of this.#listeners) tell()
  }

  #save() {
    localStorage.setItem(seenKey, JSON.stringify(this.#seen))
    localStorage.setItem(unreadKey, JSON.stringify(this.#unread))
    this.#tell()
  }

  isUnread = (s: SessionSummary): boolean => this.#unread[s.id] === true || s.updatedAt > (this.#seen[s.id] ?? this.#baseline)

  seen(id: string, updatedAt: number) {
    if ((this.#seen[id] ?? 0) >= updatedAt && !this.#unread[id]) return
    this.#seen[id] = Math.max(this.#seen[id] ?? 0, updatedAt)
    delete this.#unread[id]
    this.#save()
  }

  markUnread(id: string) {
    this.#unread[id] = true
    this.#save()
  }
}
