import { describe, expect, test } from 'vitest'
import type { HubEvent, Session } from '@/api/types'
import { Questions, sessionAfter, sessionsAfter } from './changes'

const requests = (...ids: string[]) => ({ requests: Object.fromEntries(ids.map((id) => [id, { tool: 'Bash', arguments: {} }])) })
const session = { id: 's', active: true, updatedAt: 1, metadataVersion: 1, agentState: requests('r1'), agentStateVersion: 1 } as unknown as Session
const event = { type: 'session-updated', sessionId: 's', data: { agentState: { version: 3, value: requests('r2') } } } as unknown as HubEvent
const pending = (s: Session) => Object.keys(s.agentState?.requests ?? {})

describe('an answer that is older than the stream', () => {
  test('does not take back what was told while it was on its way', async () => {
    const questions = new Questions()
    let answer: (s: Session) => void = () => {}
    const asked = questions.ask(() => new Promise<Session>((done) => (answer = done)), (s, e) => sessionAfter(s, 's', e))
    questions.heard(event)
    answer(session)
    expect(pending(await asked)).toEqual(['r2'])
  })

  test('is taken as it is when nothing was told, or only of others', async () => {
    const questions = new Questions()
    questions.heard(event)
    const other = { ...event, sessionId: 'other' } as HubEvent
    const asked = questions.ask(async () => session, (s, e) => sessionAfter(s, 's', e))
    questions.heard(other)
    expect(await asked).toBe(session)
  })

  test('is newer when it says so', () => {
    const newer = { ...session, agentState: requests('r4'), agentStateVersion: 4 } as unknown as Session
    expect(pending(sessionAfter(newer, 's', event) as Session)).toEqual(['r4'])
  })

  test('a question that failed is forgotten', async () => {
    const questions = new Questions()
    await expect(questions.ask(() => Promise.reject(new Error('no hub')), (s) => s)).rejects.toThrow('no hub')
    questions.heard(event)
  })
})

test('a session that is not listed is read anew, one that was removed is gone', () => {
  expect(sessionsAfter([], event)).toBeNull()
  expect(sessionsAfter([{ id: 's' }, { id: 't' }] as never, { type: 'session-removed', sessionId: 's' })).toEqual([{ id: 't' }])
})
