/**
 * What the person said and the hub has not confirmed. It is on this device's
 * disk before anything is sent, keyed by the localId that makes sending again
 * harmless, so it survives a dead network, a closed tab and a crash.
 */
import { api } from '@/api/hub'
import { HubError, errorText, type Hub } from '@/api/client'
import type { Attachment, HubEvent } from '@/api/types'
import { remembered, type OutboxEntry } from './database'
import { newId } from '@/model/id'

export interface NewMessage {
  text: string
  attachments: Attachment[]
  scheduledAt: number | null
}

export class Outbox {
  #hub: Hub
  #entries: readonly OutboxEntry[] = []
  #listeners = new Set<() => void>()
  /** Sessions whose agent is there, as far as the hub said so since it last refused a message to them. */
  #present = new Set<string>()
  #running = false
  #retry: ReturnType<typeof setTimeout> | null = null
  #attempt = 0

  constructor(hub: Hub) {
    this.#hub = hub
  }

  get entries(): readonly OutboxEntry[] {
    return this.#entries
  }

  subscribe = (tell: () => void) => {
    this.#listeners.add(tell)
    return () => this.#listeners.delete(tell)
  }

  #set(entries: readonly OutboxEntry[]) {
    this.#entries = entries
    for (const tell of this.#listeners) tell()
  }

  /** Takes up what an earlier visit left. */
  async start() {
    const known = (await remembered((db) => db.getAll('outbox'))) ?? []
    const mine = known.filter((e) => e.hub === this.#hub.base && !this.#entries.some((n) => n.localId === e.localId))
    this.#set([...mine, ...this.#entries].sort((a, b) => a.createdAt - b.createdAt))
    void this.reconcile()
    this.flush()
  }

  async add(sessionId: string, message: NewMessage): Promise<OutboxEntry> {
    const entry: OutboxEntry = { localId: newId(), hub: this.#hub.base, sessionId, ...message, createdAt: Date.now(), state: 'waiting', error: null, inactive: false, resumed: false }
    await this.#put(entry)
    this.flush()
    return entry
  }

  async #put(entry: OutboxEntry) {
    await remembered((db) => db.put('outbox', entry))
    this.#set(this.#entries.some((e) => e.localId === entry.localId) ? this.#entries.map((e) => (e.localId === entry.localId ? entry : e)) : [...this.#entries, entry])
  }

  /** Drops an entry: the hub confirmed it, or the person took it back. */
  async remove(localId: string) {
    if (!this.#entries.some((e) => e.localId === localId)) return
    this.#set(this.#entries.filter((e) => e.localId !== localId))
    await remembered((db) => db.delete('outbox', localId))
  }

  async retry(localId: string, sessionId?: string) {
    const entry = this.#entries.find((e) => e.localId === localId)
    if (!entry) return
    await this.#put({ ...entry, sessionId: sessionId ?? entry.sessionId, state: 'waiting', error: null, inactive: false, resumed: false })
    this.#attempt = 0
    this.flush()
  }

  onEvent(event: HubEvent) {
    if (event.type === 'message-received' && event.message.localId) void this.remove(event.message.localId)
    else if (event.type === 'messages-consumed') for (const id of event.localIds) void this.remove(id)
    else if (event.type === 'message-cancelled') void this.remove(event.localId ?? event.messageId)
    else if ((event.type === 'session-updated' || event.type === 'session-added') && event.data?.active === true) this.#onActive(event.sessionId)
  }

  /** A list of sessions says the same, where no event did: the agent may have come back before the stream. */
  onList(sessions: readonly { id: string; active: boolean }[]) {
    for (const s of sessions) {
      if (!s.active) this.#present.delete(s.id)
      else if (!this.#present.has(s.id)) this.#onActive(s.id)
    }
  }

  /** The agent is there again, be it by itself as after a restart of the hub: what it missed goes out. */
  #onActive(sessionId: string) {
    this.#present.add(sessionId)
    for (const e of this.#entries) if (e.sessionId === sessionId && e.state === 'failed' && e.inactive) void this.retry(e.localId)
  }

  /** Asks the hub what became of everything it took but never announced to us. */
  async reconcile() {
    const bySession = new Map<string, OutboxEntry[]>()
    for (const e of this.#entries) if (e.state === 'sent') bySession.set(e.sessionId, [...(bySession.get(e.sessionId) ?? []), e])
    for (const [sessionId, entries] of bySession) {
      try {
        await api.queuedState(
          this.#hub,
          sessionId,
          entries.map((e) => e.localId),
        )
        // Queued, taken or cancelled elsewhere: in each case the hub knows it and the window shows it.
        for (const e of entries) await this.remove(e.localId)
      } catch (error) {
        if (error instanceof HubError && error.status === 404) for (const e of entries) await this.remove(e.localId)
      }
    }
  }

  /** Sends what waits, in order within a session, one tab at a time. */
  flush = () => {
    if (this.#running) return
    if (this.#retry) clearTimeout(this.#retry)
    this.#retry = null
    this.#running = true
    const work = () => this.#drain()
    // Without TLS there are no locks; the ids make two tabs that send the same harmless.
    const locks = navigator.locks as LockManager | undefined
    const locked = locks ? locks.request('hapi-outbox', work) : work()
    void Promise.resolve(locked).finally(() => {
      this.#running = false
      if (this.#entries.some((e) => e.state === 'waiting')) this.#later()
    })
  }

  #later() {
    const wait = Math.min(30_000, 500 * 2 ** this.#attempt)
    this.#attempt += 1
    this.#retry ??= setTimeout(() => {
      this.#retry = null
      this.flush()
    }, wait)
  }

  async #drain() {
    const blocked = new Set<string>()
    for (;;) {
      const entry = this.#entries.find((e) => e.state === 'waiting' && !blocked.has(e.sessionId))
      if (!entry) return
      try {
        await api.send(this.#hub, entry.sessionId, {
          text: entry.text,
          localId: entry.localId,
          ...(entry.attachments.length > 0 ? { attachments: entry.attachments } : {}),
          ...(entry.scheduledAt !== null ? { scheduledAt: entry.scheduledAt } : {}),
        })
        this.#attempt = 0
        if (this.#entries.some((e) => e.localId === entry.localId)) await this.#put({ ...entry, state: 'sent' })
      } catch (error) {
        const inactive = error instanceof HubError && error.code === 'session_inactive'
        if (inactive) this.#present.delete(entry.sessionId)
        if (isTransient(error)) blocked.add(entry.sessionId)
        else if (inactive && !entry.resumed) await this.#resume(entry, blocked)
        else await this.#put({ ...entry, state: 'failed', error: errorText(error), inactive })
      }
    }
  }

  /** A message to an agent that has ended brings it back. */
  async #resume(entry: OutboxEntry, blocked: Set<string>) {
    try {
      const { sessionId } = await api.resume(this.#hub, entry.sessionId)
      await this.#put({ ...entry, sessionId, resumed: true })
    } catch (error) {
      const back = this.#present.has(entry.sessionId) // by itself, while we asked for it
      if (back || (error instanceof HubError && error.unreachable)) blocked.add(entry.sessionId)
      else await this.#put({ ...entry, state: 'failed', error: errorText(error), inactive: true })
    }
  }
}

/** Whether sending the same thing later may succeed by itself. */
export function isTransient(error: unknown): boolean {
  return !(error instanceof HubError) || error.status === 0 || error.status === 429 || error.status >= 500
}
