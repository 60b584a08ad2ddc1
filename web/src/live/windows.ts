import { api } from '@/api/hub'
import type { Hub } from '@/api/client'
import { errorText } from '@/api/client'
import type { MessageChange } from '@/api/types'
import { rememberWindow, remembered } from './database'
import { emptyWindow, reduceWindow, type MessageWindow, type WindowChange } from './window'

export interface WindowView {
  window: MessageWindow
  loading: 'none' | 'latest' | 'older'
  error: string | null
}

const nothing: WindowView = { window: emptyWindow, loading: 'none', error: null }
const firstPage = 40
const page = 200
const olderPage = 100
const persistAfter = 1000

/** The conversations that are on screen, or were a moment ago. */
export class Windows {
  #hub: Hub
  #views = new Map<string, WindowView>()
  #listeners = new Map<string, Set<() => void>>()
  #syncing = new Set<string>()
  #again = new Set<string>()
  #persist = new Map<string, ReturnType<typeof setTimeout>>()

  constructor(hub: Hub) {
    this.#hub = hub
  }

  get(id: string): WindowView {
    return this.#views.get(id) ?? nothing
  }

  subscribe(id: string, tell: () => void): () => void {
    const set = this.#listeners.get(id) ?? new Set()
    this.#listeners.set(id, set)
    set.add(tell)
    return () => set.delete(tell)
  }

  #set(id: string, view: Partial<WindowView>) {
    this.#views.set(id, { ...this.get(id), ...view })
    for (const tell of this.#listeners.get(id) ?? []) tell()
  }

  #reduce(id: string, change: WindowChange) {
    const before = this.get(id).window
    const window = reduceWindow(before, change)
    if (window === before) return
    this.#set(id, { window })
    if (!this.#persist.has(id)) {
      this.#persist.set(
        id,
        setTimeout(() => {
          this.#persist.delete(id)
          const now = this.get(id).window
          if (now.loaded && !now.cut) void rememberWindow(id, now, Date.now())
        }, persistAfter),
      )
    }
  }

  /** Shows what this device remembers at once, then what the hub says. */
  async open(id: string) {
    if (!this.get(id).window.loaded) {
      const known = await remembered((db) => db.get('windows', id))
      if (known && !this.get(id).window.loaded) this.#set(id, { window: { ...known.window, stale: true, cut: false } })
    }
    if (this.get(id).window.stale) await this.sync(id)
  }

  /** Fetches the newest page; a small one first when there is nothing to show. */
  async sync(id: string): Promise<void> {
    if (this.#syncing.has(id)) {
      this.#again.add(id)
      return
    }
    this.#syncing.add(id)
    this.#set(id, { loading: 'latest', error: null })
    try {
      if (!this.get(id).window.loaded) this.#reduce(id, { type: 'latest-page', page: await api.messages(this.#hub, id, { limit: firstPage }) })
      this.#reduce(id, { type: 'latest-page', page: await api.messages(this.#hub, id, { limit: page }) })
      this.#set(id, { loading: 'none' })
    } catch (error) {
      this.#set(id, { loading: 'none', error: errorText(error) })
    } finally {
      this.#syncing.delete(id)
    }
    if (this.#again.delete(id)) await this.sync(id)
  }

  async loadOlder(id: string): Promise<void> {
    const { window, loading } = this.get(id)
    if (!window.older || loading !== 'none') return
    this.#set(id, { loading: 'older', error: null })
    try {
      const answer = await api.messages(this.#hub, id, { beforeAt: window.older.at, beforeSeq: window.older.seq, limit: olderPage })
      this.#reduce(id, { type: 'older-page', page: answer })
      this.#reduce(id, { type: 'trim', following: false })
      this.#set(id, { loading: 'none' })
      if (this.get(id).window.stale) await this.sync(id)
    } catch (error) {
      this.#set(id, { loading: 'none', error: errorText(error) })
    }
  }

  /** The person reads the newest rows: what was let go comes back, what is far above goes. */
  atTail(id: string) {
    if (this.get(id).window.cut) void this.sync(id)
    else this.#reduce(id, { type: 'trim', following: true })
  }

  onChange(change: MessageChange) {
    if (!this.#views.has(change.sessionId)) return
    this.#reduce(change.sessionId, change)
    if (change.type === 'messages-invalidated' && (this.#listeners.get(change.sessionId)?.size ?? 0) > 0) void this.sync(change.sessionId)
  }

  /** The stream lost its thread: everything may be outdated. */
  onGap() {
    for (const id of this.#views.keys()) {
      this.#reduce(id, { type: 'gap' })
      if ((this.#listeners.get(id)?.size ?? 0) > 0) void this.sync(id)
    }
  }
}
