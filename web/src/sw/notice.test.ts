import { afterEach, describe, expect, test, vi } from 'vitest'
import type { Session } from '@/api/types'
import { en } from '@/i18n/en'
import { zhCN } from '@/i18n/zh-CN'
import type { Device } from '@/live/device'
import { answer } from './answer'
import { askedOf, notificationOf, type Push } from './notice'

const device: Device = { base: 'https://hub', accessToken: 'secret', language: 'en', words: en, hide: false, quiet: null }
const noon = new Date(2026, 5, 1, 12)
const permission: Push = { title: 'Permission Request', body: 'Login (Bash)', tag: 'permission-s', data: { type: 'permission-request', sessionId: 's', requestId: 'r', url: '/sessions/s', params: { agent: 'Claude', session: 'Login', tool: 'Bash' } } }
const session = (tool: string, input: unknown, flavor = 'claude') => ({ metadata: { path: '/home/ada/app', host: 'h', flavor }, agentState: { requests: { r: { tool, arguments: input } } } }) as unknown as Session
const spoken = (tool: string, input: unknown, d = device, flavor = 'claude') => notificationOf(permission, d, askedOf(session(tool, input, flavor), 'r'), noon)

describe('a request, as a notification', () => {
  test('says what exactly would happen, and can be answered there', () => {
    const { title, options } = spoken('Bash', { command: 'npm run migrate' })
    expect(title).toBe('Needs you: Login')
    expect(options.body).toBe('Run a command in ~/app\nnpm run migrate')
    expect(options.actions).toEqual([{ action: 'allow', title: 'Allow' }, { action: 'deny', title: 'Deny' }])
    expect(options).toMatchObject({ tag: 'permission-s', requireInteraction: true, data: { url: '/sessions/s', ask: { requestId: 'r', flavor: 'claude', tool: 'Bash' } } })
  })

  test('speaks the language of the device', () => {
    const { title, options } = spoken('Bash', { command: 'make' }, { ...device, language: 'zh-CN', words: zhCN })
    expect(title).toBe('需要你：Login')
    expect(options.actions?.map((a) => a.title)).toEqual([zhCN['ask.allow'], zhCN['ask.deny']])
  })

  test.each([
    ['a command too long to be read there', 'Bash', { command: 'x'.repeat(400) }],
    ['a command of several lines', 'Bash', { command: 'cd /\nrm -rf x' }],
    ['something it cannot say', 'mcp__x__y', {}],
  ])('offers to deny, not to allow: %s', (_, tool, input) => {
    expect(spoken(tool, input).options.actions?.map((a) => a.action)).toEqual(['deny'])
  })

  test.each([
    ['a question', 'AskUserQuestion', { questions: [{ question: 'Which?', options: [] }] }],
    ['a plan', 'ExitPlanMode', { plan: '# All of it' }],
  ])('is opened, not answered: %s', (_, tool, input) => {
    const { options } = spoken(tool, input)
    expect(options.actions).toBeUndefined()
    expect(options.data.ask).toBeNull()
  })

  test('has no buttons when the hub could not be asked what it is', () => {
    const { title, options } = notificationOf(permission, device, null, noon)
    expect([title, options.body]).toEqual(['Needs you: Login', 'Use Bash'])
    expect(options.actions).toBeUndefined()
  })

  test('keeps quiet about everything on a device that hides the content', () => {
    const { title, options } = spoken('Bash', { command: 'make' }, { ...device, hide: true })
    expect([title, options.body, options.actions]).toEqual(['Needs you', '', undefined])
  })

  test.each([
    [22, false],
    [23, true],
    [3, true],
    [7, false],
  ])('at %d o’clock, quiet from 23 to 7: %s', (hour, silent) => {
    const { options } = notificationOf(permission, { ...device, quiet: { from: '23:00', to: '07:00' } }, null, new Date(2026, 5, 1, hour))
    expect(options.silent).toBe(silent)
    expect(options.requireInteraction).toBe(!silent)
  })
})

describe('other news', () => {
  const of = (data: Push['data'], d: Device | null = device) => notificationOf({ title: 'Task failed', body: 'Claude · Login · tests', data }, d, null, noon)
  test('are said in own words', () => {
    const { title, options } = of({ type: 'task-notification', sessionId: 's', params: { agent: 'Claude', session: 'Login', summary: 'tests', failed: true } })
    expect([title, options.body, options.requireInteraction, options.data.url]).toEqual(['Task failed: Login', 'tests', false, '/sessions/s'])
  })
  test.each([
    ['of a newer hub', { type: 'weather', sessionId: 's', params: { agent: 'a', session: 'b' } }, device],
    ['of an older hub', { type: 'ready', sessionId: 's' }, device],
    ['for a device that remembers nothing', { type: 'ready', sessionId: 's', params: { agent: 'a', session: 'b' } }, null],
  ])('%s are said in the hub’s words', (_, data, d) => {
    const { title, options } = of(data, d)
    expect([title, options.body, options.data.url]).toEqual(['Task failed', 'Claude · Login · tests', '/sessions/s'])
  })
})

describe('an answer on a notification', () => {
  afterEach(() => vi.unstubAllGlobals())
  const calls: [string, unknown, string | null][] = []
  function hubSays(status: number, body: unknown) {
    calls.length = 0
    vi.stubGlobal('fetch', (url: string, init: RequestInit) => {
      if (url === 'https://hub/api/auth') return Promise.resolve(Response.json({ token: `x.${btoa(JSON.stringify({ ns: 'default', exp: 9e9 }))}.y` }))
      calls.push([url, JSON.parse(String(init.body)), new Headers(init.headers).get('Authorization')])
      return Promise.resolve(Response.json(body, { status }))
    })
  }
  const give = (verb: 'allow' | 'deny', tool = 'Bash', flavor = 'claude') => {
    const { title, options } = spoken(tool, { command: 'make' }, device, flavor)
    return answer(device, { title, tag: 'permission-s', carried: options.data, actions: options.actions }, verb)
  }

  test.each([
    ['allow', 'claude', 'approve', {}],
    ['deny', 'claude', 'deny', {}],
    ['allow', 'codex', 'approve', { decision: 'approved' }],
    ['deny', 'codex', 'deny', { decision: 'denied' }],
  ] as const)('%s for %s posts what the app posts', async (verb, flavor, path, body) => {
    hubSays(200, { ok: true })
    expect(await give(verb, 'Bash', flavor)).toBeNull()
    expect(calls).toEqual([[`https://hub/api/sessions/s/permissions/r/${path}`, body, expect.stringMatching(/^Bearer x\./)]])
  })

  test('that the hub refuses is said, and can be given again', async () => {
    hubSays(409, { error: 'Session is inactive' })
    const failed = await give('allow')
    expect(failed?.options.body).toBe('Your answer did not get through: Session is inactive')
    expect(failed?.options.actions).toHaveLength(2)
    expect(failed?.options.tag).toBe('permission-s')
  })

  test('that reaches nobody is said', async () => {
    vi.stubGlobal('fetch', () => Promise.reject(new TypeError('Failed to fetch')))
    expect((await give('deny'))?.options.body).toContain('cannot be reached')
  })

  test('to what was answered elsewhere says so, and offers nothing', async () => {
    hubSays(404, { error: 'Request not found' })
    const said = await give('allow')
    expect(said?.options.body).toBe('This was answered already.')
    expect(said?.options.actions).toBeUndefined()
  })
})
