import { describe, expect, test } from 'vitest'
import type { AgentState, Message } from '@/api/types'
import { buildConversation, type Block } from './blocks'

let n = 0
const row = (content: unknown, more: Partial<Message> = {}): Message => {
  n += 1
  return { id: `m${n}`, seq: n, localId: null, content, createdAt: n * 1000, invokedAt: n * 1000, scheduledAt: null, ...more } as Message
}
const output = (data: Record<string, unknown>) => row({ role: 'agent', content: { type: 'output', data } })
const said = (text: string) => output({ type: 'assistant', message: { content: [{ type: 'text', text }] } })
const call = (id: string, name: string, input: unknown = {}, more: Record<string, unknown> = {}) => output({ type: 'assistant', message: { content: [{ type: 'tool_use', id, name, input }] }, ...more })
const result = (id: string, content: unknown = 'ok', more: Record<string, unknown> = {}) => output({ type: 'user', message: { content: [{ type: 'tool_result', tool_use_id: id, content }] }, ...more })
const codex = (data: Record<string, unknown>) => row({ role: 'agent', content: { type: 'codex', data } })
const event = (data: Record<string, unknown>) => row({ role: 'agent', content: { type: 'event', data } })
const user = (text: string) => row({ role: 'user', content: { type: 'text', text } })

const shape = (b: Block): string => {
  switch (b.kind) {
    case 'tool':
      return `${b.tool.name}:${b.tool.state}${b.children.length > 0 ? `(${b.children.map(shape).join(' ')})` : ''}`
    case 'tools':
      return `[${b.tools.map((t) => t.name).join(' ')}]`
    case 'event':
      return b.event.type
    case 'user':
    case 'text':
    case 'reasoning':
    case 'cli':
      return `${b.kind}:${b.text}`
    default:
      return b.kind
  }
}
const shapes = (rows: Message[], state: AgentState | null = null) => buildConversation(rows, state).blocks.map(shape)

describe('a tool call', () => {
  test('meets its result, and runs until then', () => {
    expect(shapes([call('t1', 'Bash'), call('t2', 'Bash'), result('t1')])).toEqual(['Bash:completed', 'Bash:running'])
  })
  test('whose result came first, at the edge of the window, is still one card', () => {
    expect(shapes([result('t1')], { completedRequests: { t1: { tool: 'Write', status: 'approved' } } })).toEqual(['Write:completed'])
  })
  test('that was refused has failed, with the reason', () => {
    const { blocks } = buildConversation([call('t1', 'Bash')], { completedRequests: { t1: { tool: 'Bash', status: 'denied', reason: 'not now' } } })
    expect(blocks[0]).toMatchObject({ kind: 'tool', tool: { state: 'error', permission: { reason: 'not now' } } })
  })
  test('that waits for the person is never folded away', () => {
    const state = { requests: { t2: { tool: 'Read' } } }
    expect(shapes([call('t1', 'Read'), result('t1'), call('t2', 'Read'), call('t3', 'Read'), result('t3')], state)).toEqual(['Read:completed', 'Read:running', 'Read:completed'])
  })
  test('a request without a loaded call is listed on its own', () => {
    expect(buildConversation([said('hi')], { requests: { far: { tool: 'Bash' } } }).unplaced).toEqual(['far'])
    expect(buildConversation([call('near', 'Bash')], { requests: { near: { tool: 'Bash' } } }).unplaced).toEqual([])
  })
})

test('reads and searches in a row are one line, edits and commands are not', () => {
  expect(shapes([call('a', 'Read'), result('a'), call('b', 'Grep'), result('b'), call('c', 'Edit'), result('c'), call('d', 'Read'), result('d')])).toEqual(['[Read Grep]', 'Edit:completed', 'Read:completed'])
})

describe('a subagent', () => {
  const task = call('task', 'Task', { prompt: 'look around' })
  test('shows its rows below its call, by id or by prompt', () => {
    const inside = call('i1', 'Bash', {}, { parentToolUseId: 'task' })
    const marker = output({ type: 'user', isSidechain: true, uuid: 'u1', message: { content: 'look around' } })
    const byUuid = output({ type: 'assistant', isSidechain: true, uuid: 'u2', parentUuid: 'u1', message: { content: [{ type: 'text', text: 'found it' }] } })
    expect(shapes([task, inside, marker, byUuid, result('task')])).toEqual(['Task:completed(Bash:running text:found it)'])
  })
  test('whose call is not loaded is kept, not lost, and neither is its request', () => {
    const c = buildConversation([said('hi'), call('i9', 'Bash', {}, { parentToolUseId: 'elsewhere' })], { requests: { i9: { tool: 'Bash' } } })
    expect(c.blocks.map((b) => b.kind)).toEqual(['text', 'orphan'])
    expect(c.unplaced).toEqual([])
  })
})

describe('text', () => {
  test('that grows takes the place of its last snapshot', () => {
    expect(shapes([codex({ type: 'message', id: 'x', message: 'He' }), codex({ type: 'message', id: 'x', message: 'Hello' })])).toEqual(['text:Hello'])
  })
  test('that reports a usage limit is an event', () => {
    expect(shapes([said('Claude AI usage limit reached|1700000000|five_hour')])).toEqual(['limit-reached'])
  })
  test('that only repeats the prompt of a task is hidden', () => {
    expect(shapes([output({ type: 'assistant', message: { content: [{ type: 'text', text: 'do it' }, { type: 'tool_use', id: 't', name: 'Task', input: { prompt: 'do it' } }] } })])).toEqual(['Task:running'])
  })
})

describe('what is not for people', () => {
  test.each([
    ['meta', { type: 'user', isMeta: true, message: { content: 'x' } }],
    ['progress', { type: 'tool_progress' }],
    ['a system note', { type: 'system', subtype: 'init' }],
    ['an automatic reply', { type: 'assistant', message: { content: [{ type: 'text', text: 'No response requested.' }] } }],
  ])('%s is hidden', (_, data) => {
    expect(shapes([output(data)])).toEqual([])
  })
  test('prompts the agent has not taken are not in the conversation', () => {
    expect(shapes([row({ role: 'user', content: { type: 'text', text: 'later' } }, { invokedAt: null })])).toEqual([])
  })
  test('an echo of a prompt from the transcript is not shown twice', () => {
    expect(shapes([user('go'), row({ role: 'user', content: { type: 'text', text: 'go' }, meta: { isTranscriptEcho: true } })])).toEqual(['user:go'])
  })
})

test('nothing is lost and nothing throws, whatever a row holds', () => {
  const odd = [null, 7, 'text', [], {}, { role: 'agent' }, { role: 'robot', content: { a: 1 } }, { role: 'agent', content: { type: 'output', data: { type: 'new-kind', x: 1 } } }, { role: 'agent', content: { type: 'event', data: { type: 'newer' } } }, { role: 'agent', content: { type: 'output', data: { type: 'assistant', message: null } } }]
  expect(buildConversation(odd.map((c) => row(c)), null).blocks.length).toBe(odd.length)
})

test('errors of the model fold to the latest, titles are said once', () => {
  const retry = (a: number) => output({ type: 'system', subtype: 'api_error', retryAttempt: a, maxRetries: 10 })
  const c = buildConversation([retry(1), retry(2), call('t', 'mcp__hapi__change_title', { title: 'New name' }), result('t'), event({ type: 'message', message: 'Title changed to "New name"' })], null)
  expect(c.blocks.map(shape)).toEqual(['api-error', 'title-changed'])
  expect(c.blocks[0]).toMatchObject({ event: { attempt: 2 } })
})

test('a command of the terminal and its output are one block', () => {
  const cli = (text: string) => row({ role: 'user', content: { type: 'text', text }, meta: { sentFrom: 'cli' } })
  expect(shapes([cli('<command-name>/cost</command-name>'), cli('<local-command-stdout>1 $</local-command-stdout>')])).toHaveLength(1)
})

test('text of an interrupted prompt comes back unless the person went on', () => {
  const back = event({ type: 'abort-restore', text: 'half a thought' })
  expect(buildConversation([back], null).restore?.text).toBe('half a thought')
  expect(buildConversation([back, user('never mind')], null).restore).toBeNull()
})

test('the context counts what was cached', () => {
  const c = buildConversation([output({ type: 'assistant', message: { model: 'claude-x', content: [], usage: { input_tokens: 10, output_tokens: 5, cache_read_input_tokens: 80, cache_creation_input_tokens: 10 } } })], null)
  expect(c.usage?.context).toBe(100)
})

test('plans of every agent are lists of steps', () => {
  const c = buildConversation([codex({ type: 'plan', entries: [{ content: 'one', status: 'completed' }, { content: 'two', status: 'in_progress' }] })], null)
  expect(c.blocks).toMatchObject([{ kind: 'tool', tool: { name: 'update_plan', input: { plan: [{ step: 'one', status: 'completed' }, { step: 'two', status: 'in_progress' }] } } }])
})
