/** What a session is to a person: its name, its state, its place in the list. Pure. */
import { isSession, type AgentState, type Metadata, type Session, type SessionPatch, type SessionSummary, type Todo } from '@/api/types'
import { within, type Span } from './days'

interface Named {
  id: string
  metadata: { name?: string; path?: string; summary?: { text: string } | undefined; flavor?: string | null } | null
}

/** The last n parts of a path, whichever slash it uses. */
export function tail(path: string, n: number): string {
  return path.split(/[\\/]/).filter(Boolean).slice(-n).join('/')
}

export function titleOf(s: Named): string {
  return s.metadata?.name || s.metadata?.summary?.text || tail(s.metadata?.path ?? '', 1) || s.id.slice(0, 8)
}

/** A path as its owner writes it. */
export function homePath(path: string, home?: string): string {
  const guess = home ?? /^(\/home\/[^/]+|\/Users\/[^/]+|\/root)(?=\/|$)/.exec(path)?.[0]
  return guess && (path === guess || path.startsWith(`${guess}/`)) ? `~${path.slice(guess.length)}` : path
}

const inputTools = new Set(['AskUserQuestion', 'ask_user_question', 'ExitPlanMode', 'exit_plan_mode', 'request_user_input'])

export const requestKind = (tool: string): 'permission' | 'input' => (inputTools.has(tool) ? 'input' : 'permission')

export function pendingOf(state: AgentState | null | undefined, updatedAt: number): Pick<SessionSummary, 'pendingRequests' | 'pendingRequestsCount' | 'pendingRequestKinds'> {
  const all = Object.entries(state?.requests ?? {})
    .map(([id, r]) => ({ id, kind: requestKind(r.tool), tool: r.tool, since: r.createdAt ?? updatedAt }))
    .sort((a, b) => a.since - b.since || (a.id < b.id ? -1 : 1))
  const kinds = (['permission', 'input'] as const).filter((k) => all.some((r) => r.kind === k))
  return { pendingRequests: all.slice(0, 5), pendingRequestsCount: all.length, pendingRequestKinds: kinds }
}

const progress = (todos: Todo[] | undefined) => (todos && todos.length > 0 ? { completed: todos.filter((t) => t.status === 'completed').length, total: todos.length } : null)

function summaryMetadata(m: Metadata | null): SessionSummary['metadata'] {
  if (!m) return null
  const out: NonNullable<SessionSummary['metadata']> = { path: m.path, flavor: m.flavor ?? null }
  if (m.name) out.name = m.name
  if (m.machineId) out.machineId = m.machineId
  if (m.summary) out.summary = { text: m.summary.text }
  if (m.worktree) out.worktree = m.worktree as unknown as Record<string, never>
  if (m.lifecycleState) out.lifecycleState = m.lifecycleState
  return out
}

/** A session as the list shows it; the hub alone counts scheduled messages. */
export function toSummary(s: Session, before?: SessionSummary): SessionSummary {
  return {
    id: s.id,
    active: s.active,
    thinking: s.thinking,
    activeAt: s.activeAt,
    updatedAt: s.updatedAt,
    ...(s.pinned ? { pinned: true } : {}),
    ...(s.globalPinned ? { globalPinned: true } : {}),
    metadata: summaryMetadata(s.metadata as Metadata | null),
    metadataVersion: s.metadataVersion,
    agentStateVersion: s.agentStateVersion,
    todosUpdatedAt: s.todosUpdatedAt ?? 0,
    todoProgress: progress(s.todos),
    ...pendingOf(s.agentState, s.updatedAt),
    backgroundTaskCount: s.backgroundTaskCount ?? 0,
    futureScheduledMessageCount: before?.futureScheduledMessageCount ?? 0,
    nextScheduledAt: before?.nextScheduledAt ?? null,
    model: s.model,
    modelReasoningEffort: s.modelReasoningEffort,
    effort: s.effort,
  }
}

export function patchSummary(s: SessionSummary, data: Session | SessionPatch): SessionSummary {
  if (isSession(data)) return toSummary(data, s)
  const next = { ...s }
  if (data.active !== undefined) next.active = data.active
  if (data.thinking !== undefined) next.thinking = data.thinking
  if (data.active === false) next.thinking = data.thinking ?? false
  if (data.activeAt !== undefined) next.activeAt = data.activeAt
  if (data.updatedAt !== undefined) next.updatedAt = Math.max(s.updatedAt, data.updatedAt)
  if (data.backgroundTaskCount !== undefined) next.backgroundTaskCount = data.backgroundTaskCount
  if (data.model !== undefined) next.model = data.model
  if (data.effort !== undefined) next.effort = data.effort
  if (data.modelReasoningEffort !== undefined) next.modelReasoningEffort = data.modelReasoningEffort
  if (data.metadata && data.metadata.version >= s.metadataVersion) {
    next.metadata = summaryMetadata(data.metadata.value)
    next.metadataVersion = data.metadata.version
  }
  if (data.agentState && data.agentState.version >= s.agentStateVersion) {
    Object.assign(next, pendingOf(data.agentState.value, next.updatedAt))
    next.agentStateVersion = data.agentState.version
  }
  if (data.todos && data.todos.version >= s.todosUpdatedAt) {
    next.todoProgress = progress(data.todos.value)
    next.todosUpdatedAt = data.todos.version
  }
  return next
}

export function patchSession(s: Session, data: Session | SessionPatch): Session {
  if (isSession(data)) return data.agentStateVersion < s.agentStateVersion ? { ...data, agentState: s.agentState, agentStateVersion: s.agentStateVersion } : data
  const { metadata, agentState, todos, scratchlistUpdatedAt: _, ...flat } = data
  const next: Session = { ...s, ...(flat as Partial<Session>), updatedAt: Math.max(s.updatedAt, data.updatedAt ?? 0) }
  if (data.active === false) next.thinking = data.thinking ?? false
  if (metadata && metadata.version > s.metadataVersion) {
    next.metadata = metadata.value
    next.metadataVersion = metadata.version
  }
  if (agentState && agentState.version > s.agentStateVersion) {
    next.agentState = agentState.value
    next.agentStateVersion = agentState.version
  }
  if (todos && todos.version > (s.todosUpdatedAt ?? 0)) {
    next.todos = todos.value
    next.todosUpdatedAt = todos.version
  }
  return next
}

export const isArchived = (s: { active: boolean; metadata: { lifecycleState?: string } | null }) => !s.active && s.metadata?.lifecycleState === 'archived'

export interface Group {
  key: string
  /** The folder's path. */
  path: string
  machineId: string | undefined
  sessions: SessionSummary[]
}

export interface Sections {
  waiting: SessionSummary[]
  working: SessionSummary[]
  pinned: SessionSummary[]
  groups: Group[]
}

export interface Filter {
  search: string
  machineId: string | null
  unread: boolean
  archived: boolean
  /** Last active on one of these days. */
  days: Span | null
}

export const noFilter: Filter = { search: '', machineId: null, unread: false, archived: false, days: null }

/** Plain text matches anywhere; with * or ? a whole field must match. */
export function matcher(query: string): (fields: (string | null | undefined)[]) => boolean {
  const q = query.trim().toLowerCase()
  if (q === '') return () => true
  if (!/[*?]/.test(q)) return (fields) => fields.some((f) => f?.toLowerCase().includes(q))
  const pattern = new RegExp(`^${q.replace(/[.+^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*').replaceAll('?', '.')}$`)
  return (fields) => fields.some((f) => f && pattern.test(f.toLowerCase()))
}

/** An inactive row that never became a conversation. */
const isStub = (s: SessionSummary) => !s.active && !s.metadata?.agentSessionId && !s.metadata?.name && !s.metadata?.summary && !s.pinned && !s.globalPinned && s.nextScheduledAt === null

/**
 * The list as a person reads it: who waits for them, who works, then folders.
 * Rows that stand for the same conversation of an agent appear once.
 */
export function arrange(all: SessionSummary[], filter: Filter, machineName: (id: string | undefined) => string, isUnread: (s: SessionSummary) => boolean, selectedId?: string): Sections {
  const matches = matcher(filter.search)
  const best = new Map<string, SessionSummary>()
  const rank = (s: SessionSummary) => [s.active ? 1 : 0, s.id === selectedId ? 1 : 0, s.pinned || s.globalPinned ? 1 : 0, s.updatedAt] as const
  const kept: SessionSummary[] = []
  for (const s of all) {
    const native = s.metadata?.agentSessionId
    if (!native) {
      kept.push(s)
      continue
    }
    const key = `${s.metadata?.flavor ?? ''}:${native}`
    const other = best.get(key)
    if (!other || compare(rank(s), rank(other)) > 0) best.set(key, s)
  }
  kept.push(...best.values())
  const shown = kept.filter(
    (s) =>
      (s.id === selectedId || !isStub(s)) &&
      (filter.archived ? isArchived(s) : !isArchived(s) || filter.search !== '' || s.id === selectedId) &&
      (!filter.machineId || s.metadata?.machineId === filter.machineId) &&
      (!filter.unread || isUnread(s)) &&
      within(filter.days, s.updatedAt) &&
      matches([titleOf(s), s.metadata?.summary?.text, s.metadata?.path, s.metadata?.flavor, machineName(s.metadata?.machineId), s.id, (s.metadata?.worktree as { name?: string } | undefined)?.name]),
  )
  const recent = (a: SessionSummary, b: SessionSummary) => b.updatedAt - a.updatedAt || (a.id < b.id ? -1 : 1)
  const out: Sections = { waiting: [], working: [], pinned: [], groups: [] }
  const groups = new Map<string, Group>()
  for (const s of shown.sort(recent)) {
    if (s.active && s.pendingRequestsCount > 0) out.waiting.push(s)
    else if (s.active && (s.thinking || s.backgroundTaskCount > 0)) out.working.push(s)
    else if (s.globalPinned) out.pinned.push(s)
    else {
      const base = (s.metadata?.worktree as { basePath?: string } | undefined)?.basePath ?? s.metadata?.path ?? ''
      const key = `${s.metadata?.machineId ?? ''}:${base}`
      const group = groups.get(key)
      if (group) group.sessions.push(s)
      else groups.set(key, { key, path: base, machineId: s.metadata?.machineId, sessions: [s] })
    }
  }
  out.waiting.sort((a, b) => (a.pendingRequests[0]?.since ?? 0) - (b.pendingRequests[0]?.since ?? 0))
  for (const g of groups.values()) g.sessions.sort((a, b) => Number(b.pinned ?? false) - Number(a.pinned ?? false) || Number(b.active) - Number(a.active) || recent(a, b))
  const holdsPin = (g: Group) => g.sessions.some((s) => s.pinned)
  const holdsActive = (g: Group) => g.sessions.some((s) => s.active)
  const latest = (g: Group) => Math.max(...g.sessions.map((s) => s.updatedAt))
  out.groups = [...groups.values()].sort((a, b) => Number(holdsPin(b)) - Number(holdsPin(a)) || Number(holdsActive(b)) - Number(holdsActive(a)) || latest(b) - latest(a))
  return out
}

function compare(a: readonly number[], b: readonly number[]): number {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return (a[i] ?? 0) - (b[i] ?? 0)
  return 0
}
