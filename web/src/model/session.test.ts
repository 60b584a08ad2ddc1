import { describe, expect, test } from 'vitest'
import type { Session, SessionSummary } from '@/api/types'
import { arrange, homePath, matcher, noFilter, patchSession, patchSummary, titleOf, toSummary } from './session'

const session = (more: Partial<Session> = {}): Session => ({
  id: 'session-1234',
  namespace: 'default',
  seq: 0,
  createdAt: 1,
  updatedAt: 100,
  active: true,
  activeAt: 1,
  metadata: { path: '/home/ada/src/app', host: 'studio' },
  metadataVersion: 1,
  agentState: null,
  agentStateVersion: 1,
  thinking: false,
  thinkingAt: 0,
  activeTurnStartedAt: null,
  model: null,
  modelReasoningEffort: null,
  effort: null,
  serviceTier: null,
  ...more,
})
const summary = (id: string, more: Partial<SessionSummary> = {}): SessionSummary => ({ ...toSummary(session({ id })), metadata: { path: '/src/app', flavor: 'claude', name: id }, ...more })

describe('a change', () => {
  test('to the agent’s state counts only if it is newer', () => {
    const asked = { requests: { r1: { tool: 'Bash', createdAt: 5 } } }
    const s = patchSummary(summary('a'), { agentState: { version: 3, value: asked } })
    expect(s.pendingRequests).toEqual([{ id: 'r1', kind: 'permission', tool: 'Bash', since: 5 }])
    expect(patchSummary(s, { agentState: { version: 2, value: {} } }).pendingRequestsCount).toBe(1)
    expect(patchSummary(s, { agentState: { version: 4, value: {} } }).pendingRequestsCount).toBe(0)
  })
  test('never turns back the time of the last activity', () => {
    expect(patchSummary(summary('a'), { updatedAt: 50 }).updatedAt).toBe(100)
    expect(patchSession(session(), { updatedAt: 150 }).updatedAt).toBe(150)
  })
  test('that ends a session ends its thinking', () => {
    expect(patchSession(session({ thinking: true }), { active: false }).thinking).toBe(false)
  })
  test('of a whole session keeps a newer state of the agent', () => {
    const newer = session({ agentStateVersion: 5, agentState: { requests: {} } })
    expect(patchSession(newer, session({ agentStateVersion: 4, agentState: null, model: 'opus' }))).toMatchObject({ model: 'opus', agentStateVersion: 5, agentState: { requests: {} } })
  })
})

describe('the list', () => {
  const arranged = (list: SessionSummary[], filter = noFilter, unread = () => false) => arrange(list, filter, () => 'studio', unread)
  const pending = { pendingRequests: [{ id: 'r', kind: 'permission' as const, tool: 'Bash', since: 9 }], pendingRequestsCount: 1 }

  test('begins with who waits, the longest first', () => {
    const late = summary('late', pending)
    const early = summary('early', { ...pending, pendingRequests: [{ id: 'r', kind: 'permission', tool: 'Bash', since: 1 }] })
    const { waiting, working, groups } = arranged([late, early, summary('busy', { thinking: true }), summary('idle')])
    expect(waiting.map((s) => s.id)).toEqual(['early', 'late'])
    expect(working.map((s) => s.id)).toEqual(['busy'])
    expect(groups.map((g) => g.sessions.map((s) => s.id))).toEqual([['idle']])
  })
  test('an agent that is gone asks nobody', () => {
    expect(arranged([summary('gone', { ...pending, active: false })]).waiting).toEqual([])
  })
  test('one conversation of an agent is one row, the living one', () => {
    const native = { path: '/p', flavor: 'claude', agentSessionId: 'n1', name: 'x' }
    const { groups } = arranged([summary('dead', { active: false, metadata: native, updatedAt: 900 }), summary('alive', { metadata: native })])
    expect(groups.flatMap((g) => g.sessions.map((s) => s.id))).toEqual(['alive'])
  })
  test('shows archived ones when asked to, or when searched for', () => {
    const old = summary('old thing', { active: false, metadata: { path: '/p', flavor: null, name: 'old thing', lifecycleState: 'archived' } })
    const count = (filter = noFilter) => arranged([old, summary('new')], filter).groups.flatMap((g) => g.sessions).length
    expect(count()).toBe(1)
    expect(count({ ...noFilter, archived: true })).toBe(1)
    expect(count({ ...noFilter, search: 'thing' })).toBe(1)
  })
  test('worktrees stand with the folder they came from', () => {
    const tree = summary('tree', { metadata: { path: '/src/app-wt', flavor: null, name: 't', worktree: { basePath: '/src/app' } as unknown as Record<string, never> } })
    expect(arranged([summary('main'), tree]).groups).toHaveLength(1)
  })
})

test('names fall back from chosen over told to the folder and the id', () => {
  const m = { path: '/src/app', name: 'N', summary: { text: 'S' } }
  expect(titleOf({ id: 'x', metadata: m })).toBe('N')
  expect(titleOf({ id: 'x', metadata: { ...m, name: '' } })).toBe('S')
  expect(titleOf({ id: 'x', metadata: { path: 'C:\\src\\app' } })).toBe('app')
  expect(titleOf({ id: '12345678-9', metadata: null })).toBe('12345678')
})

test('paths are written from home', () => {
  expect(homePath('/Users/ada/src')).toBe('~/src')
  expect(homePath('/data/ada/src', '/data/ada')).toBe('~/src')
  expect(homePath('/homes/x')).toBe('/homes/x')
})

test('a search with a star means a whole field', () => {
  expect(matcher('app*')(['apple'])).toBe(true)
  expect(matcher('app*')(['my apple'])).toBe(false)
  expect(matcher('a.c*')(['abc'])).toBe(false)
})
