/** A stretch of one conversation, as far as this client has it. Pure: no clock, no fetch. */
import type { Message, MessageChange, Page } from '@/api/types'

export interface Cursor {
  at: number
  seq: number
}

export interface MessageWindow {
  /** Ascending; prompts that the agent has not taken are among them. */
  rows: readonly Message[]
  epoch: number
  /** Where older rows begin; null when there are none. */
  older: Cursor | null
  /** Newer rows were let go while the person read history. */
  cut: boolean
  /** What is here may be outdated; whoever owns the stream fetches the latest page. */
  stale: boolean
  loaded: boolean
}

export const emptyWindow: MessageWindow = { rows: [], epoch: 0, older: null, cut: false, stale: true, loaded: false }

/** Rows that are kept while the newest are followed, and while history is read. */
export const keptAtTail = 400
export const keptInHistory = 2000

const at = (m: Message) => m.invokedAt ?? m.createdAt
const seq = (m: Message) => m.seq ?? Number.MAX_SAFE_INTEGER

export function compareRows(a: Message, b: Message): number {
  return at(a) - at(b) || seq(a) - seq(b) || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0)
}

export function isQueued(m: Message): boolean {
  return m.invokedAt === null && isUser(m)
}

function isUser(m: Message): boolean {
  const content: unknown = m.content
  return typeof content === 'object' && content !== null && 'role' in content && content.role === 'user'
}

/** Adds rows, the later version of the same id wins, and restores the order. */
export function merge(rows: readonly Message[], more: readonly Message[]): Message[] {
  const last = rows.at(-1)
  if (more.length === 1 && more[0] && last && compareRows(last, more[0]) < 0 && !rows.some((r) => r.id === more[0]?.id)) return [...rows, more[0]]
  const byId = new Map(rows.map((m) => [m.id, m]))
  for (const m of more) {
    const known = byId.get(m.id)
    // A page may be older than what the stream already said.
    byId.set(m.id, known && known.invokedAt !== null && m.invokedAt === null ? { ...m, invokedAt: known.invokedAt } : m)
  }
  return [...byId.values()].sort(compareRows)
}

export type WindowChange =
  | MessageChange
  | { type: 'latest-page'; page: Page }
  | { type: 'older-page'; page: Page }
  | { type: 'trim'; following: boolean }
  | { type: 'gap' }

export function reduceWindow(w: MessageWindow, change: WindowChange): MessageWindow {
  switch (change.type) {
    case 'latest-page':
      return latest(w, change.page)
    case 'older-page': {
      const { page, messages } = change.page
      if (page.epoch !== w.epoch) return { ...w, stale: true }
      return { ...w, rows: merge(w.rows, messages), older: olderOf(change.page) }
    }
    case 'message-received':
      if (w.cut && change.message.invokedAt !== null) return w
      return { ...w, rows: merge(w.rows, [change.message]) }
    case 'messages-consumed': {
      const ids = new Set(change.localIds)
      if (!w.rows.some((m) => m.localId !== null && ids.has(m.localId) && m.invokedAt === null)) return w
      return { ...w, rows: w.rows.map((m) => (m.localId !== null && ids.has(m.localId) && m.invokedAt === null ? settled(m, change.invokedAt) : m)).sort(compareRows) }
    }
    case 'messages-indeterminate':
      return mark(w, change.localIds, true)
    case 'messages-requeued':
      return mark(w, change.localIds, false)
    case 'message-cancelled': {
      const gone = (m: Message) => m.id === change.messageId || m.localId === change.messageId || (change.localId !== undefined && m.localId === change.localId)
      return w.rows.some(gone) ? { ...w, rows: w.rows.filter((m) => !gone(m)) } : w
    }
    case 'messages-invalidated':
      return { ...emptyWindow, epoch: w.epoch }
    case 'gap':
      return w.loaded ? { ...w, stale: true } : w
    case 'trim':
      return trim(w, change.following)
    default:
      return change satisfies never
  }
}

function settled(m: Message, invokedAt: number): Message {
  const { deliveryState: _, ...rest } = m
  return { ...rest, invokedAt }
}

function mark(w: MessageWindow, localIds: string[], unknown: boolean): MessageWindow {
  const ids = new Set(localIds)
  return {
    ...w,
    rows: w.rows.map((m) => {
      if (m.localId === null || !ids.has(m.localId) || m.invokedAt !== null) return m
      const { deliveryState: _, ...rest } = m
      return unknown ? { ...rest, deliveryState: 'indeterminate' as const } : rest
    }),
  }
}

function olderOf({ page }: Page): Cursor | null {
  return page.hasMore && page.nextBeforeAt !== null && page.nextBeforeSeq !== null ? { at: page.nextBeforeAt, seq: page.nextBeforeSeq } : null
}

/** The newest page joins what is here if the two touch; otherwise it takes its place. */
function latest(w: MessageWindow, p: Page): MessageWindow {
  const delivered = p.messages.filter((m) => m.invokedAt !== null)
  const lowest = delivered.reduce<Message | null>((low, m) => (low === null || compareRows(m, low) < 0 ? m : low), null)
  const newest = w.rows.findLast((m) => m.invokedAt !== null)
  const touches = w.loaded && p.page.epoch === w.epoch && newest !== undefined && (lowest === null || compareRows(lowest, newest) <= 0 || !p.page.hasMore)
  // The page with 200 rows names every waiting prompt: one that it does not name is gone.
  const complete = p.page.limit >= 200 || !p.page.hasMore
  const here = new Set(p.messages.map((m) => m.id))
  const waiting = w.rows.filter((m) => isQueued(m) && (here.has(m.id) || !complete))
  const base = touches ? w.rows.filter((m) => !isQueued(m)) : []
  return {
    rows: merge([...base, ...waiting].sort(compareRows), p.messages),
    epoch: p.page.epoch,
    older: touches ? (w.older === null ? null : older(w.older, olderOf(p))) : olderOf(p),
    cut: false,
    stale: false,
    loaded: true,
  }
}

function older(a: Cursor, b: Cursor | null): Cursor | null {
  return b === null ? null : a.at < b.at || (a.at === b.at && a.seq <= b.seq) ? a : b
}

function trim(w: MessageWindow, following: boolean): MessageWindow {
  const limit = following ? keptAtTail : keptInHistory
  const delivered = w.rows.filter((m) => !isQueued(m))
  if (delivered.length <= limit * 1.25) return w
  const waiting = w.rows.filter(isQueued)
  if (following) {
    const rows = delivered.slice(-limit)
    const first = rows[0]
    return first ? { ...w, rows: [...rows, ...waiting].sort(compareRows), older: { at: at(first), seq: seq(first) } } : w
  }
  return { ...w, rows: [...delivered.slice(0, limit), ...waiting].sort(compareRows), cut: true }
}
