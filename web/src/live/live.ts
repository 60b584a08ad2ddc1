import type { QueryClient } from '@tanstack/react-query'
import { api } from '@/api/hub'
import type { Hub } from '@/api/client'
import { EventStream, type StreamState } from '@/api/stream'
import type { HubEvent, Machine, Session, SessionSummary } from '@/api/types'
import { Activity } from './activity'
import { Questions, machinesAfter, sessionAfter, sessionsAfter } from './changes'
import { remembered } from './database'
import { Marks } from './marks'
import { Outbox } from './outbox'
import { Windows } from './windows'

export const keys = {
  sessions: ['sessions'] as const,
  session: (id: string) => ['session', id] as const,
  machines: ['machines'] as const,
}

export interface Connection {
  state: StreamState
  /** Since when it has not been live; null while it is. */
  since: number | null
  retryAt: number | null
}

export type Toast = Extract<HubEvent, { type: 'toast' }>['data']

const persistAfter = 500

/** Everything that lives as long as a person is signed in to one hub. */
export class Live {
  readonly hub: Hub
  readonly queries: QueryClient
  readonly windows: Windows
  readonly outbox: Outbox
  readonly marks: Marks
  readonly activity = new Activity()
  readonly stream: EventStream
  readonly #questions = new Questions()
  #connection: Connection = { state: 'connecting', since: Date.now(), retryAt: null }
  #listeners = new Set<() => void>()
  #toasts = new Set<(toast: Toast) => void>()
  #listRefetch: ReturnType<typeof setTimeout> | null = null
  #persist: ReturnType<typeof setTimeout> | null = null
  #unsubscribe: (() => void) | null = null

  constructor(hub: Hub, queries: QueryClient) {
    this.hub = hub
    this.queries = queries
    this.windows = new Windows(hub)
    this.outbox = new Outbox(hub)
    this.marks = new Marks(hub.base, Date.now())
    this.stream = new EventStream(hub, { onEvent: (e) => this.#onEvent(e), onState: (s, at) => this.#onState(s, at) })
  }

  /** Shows what this device remembers of the hub, then lets the stream correct it. */
  static async open(hub: Hub, queries: QueryClient): Promise<Live> {
    const known = await remembered((db) => db.get('lists', hub.base))
    if (known) {
      queries.setQueryData(keys.sessions, known.sessions.map(asLeft), { updatedAt: 1 })
      queries.setQueryData(keys.machines, known.machines, { updatedAt: 1 })
    }
    return new Live(hub, queries)
  }

  start() {
    this.stream.start()
    void this.outbox.start()
    window.addEventListener('online', this.outbox.flush)
    window.addEventListener('pagehide', this.#persistNow)
    this.#unsubscribe = this.queries.getQueryCache().subscribe((event) => {
      if (event.type !== 'updated') return
      const [key] = event.query.queryKey as readonly unknown[]
      if (key === 'sessions') this.outbox.onList(this.queries.getQueryData<SessionSummary[]>(keys.sessions) ?? [])
      if (key === 'sessions' || key === 'machines') this.#persistSoon()
    })
  }

  stop() {
    this.stream.stop()
    this.#unsubscribe?.()
    window.removeEventListener('online', this.outbox.flush)
    window.removeEventListener('pagehide', this.#persistNow)
    if (this.#persist) clearTimeout(this.#persist)
    if (this.#listRefetch) clearTimeout(this.#listRefetch)
  }

  get connection(): Connection {
    return this.#connection
  }
  subscribe = (tell: () => void) => {
    this.#listeners.add(tell)
    return () => this.#listeners.delete(tell)
  }
  onToast(show: (toast: Toast) => void): () => void {
    this.#toasts.add(show)
    return () => this.#toasts.delete(show)
  }

  #persistSoon() {
    this.#persist ??= setTimeout(this.#persistNow, persistAfter)
  }

  #persistNow = () => {
    if (this.#persist) clearTimeout(this.#persist)
    this.#persist = null
    const sessions = this.queries.getQueryData<SessionSummary[]>(keys.sessions)
    const machines = this.queries.getQueryData<Machine[]>(keys.machines)
    if (sessions) void remembered((db) => db.put('lists', { sessions, machines: machines ?? [] }, this.hub.base))
  }

  #onState(state: StreamState, retryAt: number | null) {
    this.#connection = { state, since: state === 'live' ? null : (this.#connection.since ?? Date.now()), retryAt }
    for (const tell of this.#listeners) tell()
  }

  #refetchListSoon() {
    this.#listRefetch ??= setTimeout(() => {
      this.#listRefetch = null
      void this.queries.invalidateQueries({ queryKey: keys.sessions })
    }, 400)
  }

  #onEvent(event: HubEvent) {
    this.#questions.heard(event)
    this.outbox.onEvent(event)
    switch (event.type) {
      case 'connection-changed':
        if (event.data.resume !== 'ok') this.#onGap()
        this.outbox.flush()
        return
      case 'session-added':
      case 'session-updated':
        this.#onSession(event)
        return
      case 'session-removed':
        this.#onSession(event)
        this.queries.removeQueries({ queryKey: keys.session(event.sessionId), exact: true })
        return
      case 'session-ended':
        this.activity.clear(event.sessionId)
        return
      case 'machine-updated':
        this.#onMachine(event)
        return
      case 'toast':
        for (const show of this.#toasts) show(event.data)
        return
      case 'scheduled-matured':
        this.#refetchListSoon()
        return
      case 'heartbeat':
        return
      default:
        this.windows.onChange(event)
        if (event.type === 'message-received') {
          this.activity.onMessage(event.sessionId, event.message)
          if (event.message.scheduledAt) this.#refetchListSoon()
        }
        if (event.type === 'message-cancelled') {
          const s = this.queries.getQueryData<SessionSummary[]>(keys.sessions)?.find((x) => x.id === event.sessionId)
          if (s && s.futureScheduledMessageCount > 0) this.#refetchListSoon()
        }
    }
  }

  #onGap() {
    void this.queries.invalidateQueries({ queryKey: keys.sessions })
    void this.queries.invalidateQueries({ queryKey: ['session'] })
    void this.queries.invalidateQueries({ queryKey: keys.machines })
    this.windows.onGap()
    void this.outbox.reconcile()
  }

  #onSession(event: Extract<HubEvent, { sessionId: string }>) {
    const list = this.queries.getQueryData<SessionSummary[]>(keys.sessions)
    const next = list && sessionsAfter(list, event)
    if (next) this.queries.setQueryData(keys.sessions, next)
    else if (next === null) this.#refetchListSoon()
    const key = keys.session(event.sessionId)
    const session = sessionAfter(this.queries.getQueryData<Session>(key), event.sessionId, event)
    if (session) this.queries.setQueryData(key, session)
    else if (session === null) void this.queries.invalidateQueries({ queryKey: key })
  }

  #onMachine(event: HubEvent) {
    const list = this.queries.getQueryData<Machine[]>(keys.machines)
    const next = list && machinesAfter(list, event)
    if (next) this.queries.setQueryData(keys.machines, next)
    else if (next === null) void this.queries.invalidateQueries({ queryKey: keys.machines })
  }

  readonly ask = {
    sessions: () => this.#questions.ask(() => api.sessions(this.hub), sessionsAfter),
    session: (id: string) => this.#questions.ask(() => api.session(this.hub, id), (s, event) => sessionAfter(s, id, event)),
    machines: () => this.#questions.ask(() => api.machines(this.hub), machinesAfter),
  }
}

/** What was running when this device last looked may have ended since. */
function asLeft(s: SessionSummary): SessionSummary {
  return { ...s, thinking: false }
}
