/** What an event of the stream makes of what was read before it. Pure; null is "read it anew". */
import type { HubEvent, Machine, Session, SessionSummary } from '@/api/types'
import { isSession } from '@/api/types'
import { patchSession, patchSummary, toSummary } from '@/model/session'

export function sessionsAfter(list: SessionSummary[], event: HubEvent): SessionSummary[] | null {
  if (event.type === 'session-removed') return list.filter((s) => s.id !== event.sessionId)
  if (event.type !== 'session-added' && event.type !== 'session-updated') return list
  const { sessionId, data } = event
  if (!data) return null
  if (list.some((s) => s.id === sessionId)) return list.map((s) => (s.id === sessionId ? patchSummary(s, data) : s))
  return isSession(data) ? [toSummary(data), ...list] : null
}

/** Undefined: it has not been read yet. */
export function sessionAfter(session: Session | undefined, id: string, event: HubEvent): Session | undefined | null {
  if ((event.type !== 'session-added' && event.type !== 'session-updated') || event.sessionId !== id) return session
  if (!event.data) return null
  if (session) return patchSession(session, event.data)
  return isSession(event.data) ? event.data : undefined
}

export function machinesAfter(list: Machine[], event: HubEvent): Machine[] | null {
  if (event.type !== 'machine-updated') return list
  const { machineId, data } = event
  if (!data || data.active === false) return list.filter((m) => m.id !== machineId)
  if (!('metadata' in data)) return null
  return list.some((m) => m.id === machineId) ? list.map((m) => (m.id === machineId ? data : m)) : [...list, data]
}

/** Questions to the hub, and what the stream says until they are answered: an answer may be older than that. */
export class Questions {
  #open = new Set<HubEvent[]>()

  heard(event: HubEvent) {
    for (const meanwhile of this.#open) meanwhile.push(event)
  }

  /** The answer, with everything that was heard while it was on its way. */
  async ask<T>(question: () => Promise<T>, after: (answer: T, event: HubEvent) => T | null | undefined): Promise<T> {
    const meanwhile: HubEvent[] = []
    this.#open.add(meanwhile)
    try {
      let known: T = await question()
      // An event that asks for reading anew has brought that about; what comes of it follows.
      for (const event of meanwhile) known = after(known, event) ?? known
      return known
    } finally {
      this.#open.delete(meanwhile)
    }
  }
}
