import { expect, test } from 'vitest'
import type { Message, Metadata, Session } from '@/api/types'
import { obstacleTo, turnBackRights } from './history'

const meta = (more: Partial<Metadata>): Metadata => ({ path: '/p', host: 'h', ...more })

test('an agent goes back only to points it has noted, and only as it says it can', () => {
  const r = turnBackRights(meta({ capabilities: { conversationHistory: { forkCurrent: true, rewindToMessage: true } }, conversationHistoryPoints: { a: true, b: false }, conversationHistoryTurns: { c: 'turn-1' } }))
  expect(r.forkNow).toBe(true)
  expect(r.forkAt('a')).toBe(false)
  expect(['a', 'b', 'c', 'd', null].filter((id) => r.rewindTo(id))).toEqual(['a', 'c'])
})

test('an agent that says nothing of its history cannot go back', () => {
  const r = turnBackRights(meta({ conversationHistoryPoints: { a: true } }))
  expect([r.forkNow, r.forkAt('a'), r.rewindTo('a')]).toEqual([false, false, false])
  expect(turnBackRights(null).forkNow).toBe(false)
})

test('what stands in the way is said before the hub has to', () => {
  const session = (more: Partial<Session>) => ({ active: true, thinking: false, metadata: meta({}), agentState: null, ...more }) as Session
  const later = { scheduledAt: 2000 } as Message
  const waiting = { scheduledAt: null } as Message
  expect(obstacleTo('fork', session({}), [], 1000)).toBeNull()
  expect(obstacleTo('fork', session({ active: false, thinking: true }), [], 1000)).toBe('inactive')
  expect(obstacleTo('fork', session({ agentState: { controlledByUser: true } }), [], 1000)).toBe('local')
  expect(obstacleTo('fork', session({ thinking: true }), [], 1000)).toBe('working')
  expect(obstacleTo('rewind', session({ metadata: meta({ conversationHistoryDiverged: true }) as Session['metadata'] }), [], 1000)).toBe('diverged')
  expect(obstacleTo('fork', session({}), [waiting], 1000)).toBe('queued')
  expect(obstacleTo('fork', session({}), [later], 1000)).toBeNull()
  expect(obstacleTo('rewind', session({}), [later], 1000)).toBe('queued')
})
