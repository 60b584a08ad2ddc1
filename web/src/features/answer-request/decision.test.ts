import { describe, expect, test } from 'vitest'
import { questionsOf } from '@/model/tools'
import { allow, answerQuestions, approvePlan, deny, scopesOf, type Ask } from './decision'

const bash = (flavor: string, command = 'npm run migrate'): Ask => ({ flavor, tool: 'Bash', input: { command } })

describe('Claude', () => {
  test('is answered with bodies it knows', () => {
    expect(allow(bash('claude'), null)).toEqual({ verb: 'approve', body: {} })
    expect(deny(bash('claude'))).toEqual({ verb: 'deny', body: {} })
    expect(deny(bash('claude'), ' not now ')).toEqual({ verb: 'deny', body: { reason: 'not now' } })
    expect(deny(bash('claude'), '', true)).toEqual({ verb: 'deny', body: { decision: 'abort' } })
  })
  test('may be allowed a command for the session, exactly or by how it begins', () => {
    expect(scopesOf(bash('claude')).map((s) => [s.rule, s.body])).toEqual([
      ['npm run migrate', { allowTools: ['Bash(npm run migrate)'] }],
      ['npm run *', { allowTools: ['Bash(npm run:*)'] }],
    ])
  })
  test.each(['npm run x && rm -rf /', 'a | b', 'echo $(x)', 'x > y', 'a\nb'])('gets nothing wide for %s', (command) => {
    expect(scopesOf(bash('claude', command)).map((s) => s.id)).toEqual(['exact'])
  })
  test('may be allowed all edits from an edit, and a tool from a tool', () => {
    expect(scopesOf({ flavor: 'claude', tool: 'Edit', input: {} })[0]?.body).toEqual({ mode: 'acceptEdits' })
    expect(scopesOf({ flavor: 'claude', tool: 'WebFetch', input: {} })[0]?.body).toEqual({ allowTools: ['WebFetch'] })
  })
})

describe.each(['codex', 'gemini', 'grok', 'kimi', 'copilot', 'opencode', 'cursor'])('%s', (flavor) => {
  test('is answered with a word', () => {
    expect(allow(bash(flavor), null)).toEqual({ verb: 'approve', body: { decision: 'approved' } })
    expect(scopesOf(bash(flavor))).toEqual([{ id: 'session', rule: '', body: { decision: 'approved_for_session' } }])
  })
  test('goes on after a plain refusal, and stops only when told to', () => {
    expect(deny(bash(flavor))).toEqual({ verb: 'deny', body: { decision: 'denied' } })
    expect(deny(bash(flavor), 'not now')).toEqual({ verb: 'deny', body: { decision: 'denied', reason: 'not now' } })
    expect(deny(bash(flavor), 'not now', true)).toEqual({ verb: 'deny', body: { decision: 'abort', reason: 'not now' } })
  })
})

test('an unknown agent is answered as Claude, but for a session with a word', () => {
  expect(allow(bash('somebody'), null).body).toEqual({})
  expect(scopesOf(bash('somebody'))[0]?.body).toEqual({ decision: 'approved_for_session' })
})

test('a plan is approved with the mode that follows, and never for a session', () => {
  expect(approvePlan('acceptEdits')).toEqual({ verb: 'approve', body: { mode: 'acceptEdits' } })
  expect(scopesOf({ flavor: 'claude', tool: 'ExitPlanMode', input: {} })).toEqual([])
  expect(deny({ flavor: 'codex', tool: 'ExitPlanMode', input: {} }, 'smaller steps')).toEqual({ verb: 'deny', body: { reason: 'smaller steps' } })
})

describe('questions', () => {
  const questions = questionsOf({ questions: [{ question: 'Which?', options: [{ label: 'A' }, { label: 'B' }] }, { question: 'Why?', multiSelect: true, options: ['x', 'y'] }] })
  test('are answered by position', () => {
    expect(answerQuestions('AskUserQuestion', questions, [{ chosen: ['A'], text: '' }, { chosen: ['x', 'y'], text: 'because' }])).toEqual({ verb: 'approve', body: { answers: { '0': ['A'], '1': ['x', 'y', 'because'] } } })
  })
  test('of the other kind by their id, with the note marked', () => {
    const q = questionsOf({ questions: [{ id: 'db', question: 'Which?', options: ['A'] }, { id: 'note', question: 'Anything?' }] })
    expect(answerQuestions('request_user_input', q, [{ chosen: ['A'], text: 'please' }, { chosen: [], text: 'no' }])).toEqual({ verb: 'approve', body: { answers: { db: { answers: ['A', 'user_note: please'] }, note: { answers: ['no'] } } } })
  })
  test('nobody can read become none', () => {
    expect(questionsOf({ questions: 'x' })).toEqual([])
    expect(questionsOf(null)).toEqual([])
  })
})
