import { act, useLayoutEffect, type ReactNode } from 'react'
import { createRoot } from 'react-dom/client'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Socket } from 'socket.io-client'
import type { Live } from '@/live/live'
import { LiveContext } from '@/live/hooks'
import { ShellList } from './ShellList'
import { closedWords, type Shell } from './shells'
import { Terminal } from './Terminal'
import { useShells, type Shells } from './useShells'

;(globalThis as { IS_REACT_ACT_ENVIRONMENT?: boolean }).IS_REACT_ACT_ENVIRONMENT = true

const shell = (terminalId: string, more: Partial<Shell> = {}): Shell => ({ terminalId, viewers: 1, busy: false, cols: 80, rows: 24, usedAt: Date.now(), line: `${terminalId} $`, ...more })

/** A hub's end of the socket: what is open, and what it was told. */
class Hub {
  connected = false
  shells: Shell[] | null = []
  told: string[] = []
  created: unknown[] = []
  #heard = new Map<string, Set<(e?: unknown) => void>>()
  on(event: string, hear: (e?: unknown) => void) {
    this.#heard.set(event, (this.#heard.get(event) ?? new Set()).add(hear))
  }
  off(event?: string, hear?: (e?: unknown) => void) {
    if (event && hear) this.#heard.get(event)?.delete(hear)
    else this.#heard.clear()
  }
  emit(event: string, e: { terminalId: string }) {
    if (event === 'terminal:create') this.created.push(e)
    this.told.push(`${event} ${e.terminalId}`)
  }
  disconnect() {
    this.told.push('gone')
  }
  timeout = () => ({ emitWithAck: () => (this.shells ? Promise.resolve({ terminals: this.shells }) : Promise.reject(new Error('no answer'))) })
  async say(event: string, e?: unknown) {
    if (event === 'connect') this.connected = true
    if (event === 'disconnect') this.connected = false
    await act(async () => {
      for (const hear of this.#heard.get(event) ?? []) hear(e)
    })
  }
}

let hub: Hub
vi.mock('socket.io-client', () => ({ io: () => hub }))

/** What is drawn with xterm, which needs a real browser. */
const xterm: { write(data: string): void; reset(): void } = { write: () => {}, reset: () => {} }
vi.mock('@xterm/xterm', () => ({
  Terminal: class {
    cols = 80
    rows = 24
    options = {}
    loadAddon() {}
    open() {}
    focus() {}
    dispose() {}
    onData = () => ({ dispose() {} })
    onResize = () => ({ dispose() {} })
    write = (data: string) => xterm.write(data)
    reset = () => xterm.reset()
  },
}))
vi.mock('@xterm/addon-fit', () => ({ FitAddon: class { fit() {} } }))
vi.mock('@xterm/addon-web-links', () => ({ WebLinksAddon: class {} }))
vi.mock('@/ui/colour', () => ({ hexOf: () => '#000000' }))

const live = { hub: { base: 'http://hub', token: () => Promise.resolve('t') } } as unknown as Live
let shown: { unmount(): void } | null = null
let page: HTMLElement

async function show(what: ReactNode) {
  page = document.createElement('div')
  const root = createRoot(page)
  shown = root
  await act(async () => root.render(<LiveContext value={live}>{what}</LiveContext>))
}

beforeEach(() => {
  hub = new Hub()
  vi.useFakeTimers()
})
afterEach(async () => {
  await act(async () => shown?.unmount())
  vi.useRealTimers()
})

let s: Shells
const tell = (shells: Shells) => (s = shells)
function Probe() {
  const shells = useShells('s1', true)
  useLayoutEffect(() => void tell(shells))
  return null
}

test('without an open shell a new one is opened at once, also where the hub does not list them', async () => {
  for (const none of [[], null]) {
    hub.shells = none
    await show(<Probe />)
    expect(s.place).toEqual({ at: 'start' })
    await hub.say('connect')
    expect(s.place).toMatchObject({ at: 'shell', join: false })
    await act(async () => shown?.unmount())
  }
})

test('open shells are listed first, and the list follows what happens', async () => {
  hub.shells = [shell('a'), shell('b')]
  await show(<Probe />)
  await hub.say('connect')
  expect(s.place).toMatchObject({ at: 'list' })
  expect(s.list?.map((x) => x.terminalId)).toEqual(['a', 'b'])
  hub.shells = []
  await act(async () => vi.advanceTimersByTimeAsync(2_000))
  expect(s.place).toMatchObject({ at: 'list' }) // nobody is taken into a new one by surprise
  expect(s.list).toEqual([])
})

test('a shell that was closed meanwhile leads back to the list, which says so', async () => {
  hub.shells = [shell('a')]
  await show(<Probe />)
  await hub.say('connect')
  await act(async () => s.join('a'))
  expect(s.place).toEqual({ at: 'shell', id: 'a', join: true })
  hub.shells = []
  await act(async () => s.failed(closedWords))
  expect(s.place).toEqual({ at: 'list', closed: true, words: closedWords })
  expect(s.list).toEqual([])
})

test('who goes back to the list leaves the shell running; who leaves the page closes it', async () => {
  hub.shells = [shell('a')]
  await show(<Probe />)
  await hub.say('connect')
  await act(async () => s.join('a'))
  await act(async () => s.leave())
  expect(s.place).toMatchObject({ at: 'list', closed: false })
  await act(async () => s.join('a'))
  await act(async () => shown?.unmount())
  expect(hub.told).toEqual(['terminal:detach a', 'terminal:close a', 'gone'])
})

test('a lost connection keeps the last list, and it is asked for again afterwards', async () => {
  hub.shells = [shell('a')]
  await show(<Probe />)
  await hub.say('connect')
  await hub.say('disconnect')
  expect([s.line, s.list?.length]).toEqual(['lost', 1])
  hub.shells = [shell('a'), shell('b')]
  await hub.say('connect')
  expect([s.line, s.list?.length]).toEqual(['online', 2])
})

test('what a shell printed is shown once, also after a reconnect, and another one is not shown', async () => {
  const screen: string[] = []
  xterm.write = (data) => screen.push(data)
  xterm.reset = () => screen.splice(0)
  const gone = vi.fn()
  const states: string[] = []
  hub.connected = true
  await show(<Terminal socket={hub as unknown as Socket} sessionId="s1" id="a" join touch onState={(state) => states.push(state)} onGone={gone} />)
  await hub.say('terminal:output', { terminalId: 'a', data: '$ make' })
  await hub.say('terminal:ready', { sessionId: 's1', terminalId: 'a' })
  await hub.say('terminal:output', { sessionId: 's1', terminalId: 'a', data: ' ok' })
  await hub.say('terminal:output', { sessionId: 's1', terminalId: 'b', data: 'not this' })
  expect(screen).toEqual(['$ make', ' ok'])
  await hub.say('disconnect')
  await hub.say('connect')
  await hub.say('terminal:output', { terminalId: 'a', data: '$ make ok' })
  expect(screen).toEqual(['$ make ok'])
  await hub.say('terminal:error', { terminalId: 'a', message: 'Terminal closed due to inactivity.' })
  expect(states).toEqual(['connecting', 'ready', 'lost', 'ended'])
  expect(gone).not.toHaveBeenCalled()
})

test('a shell that is no more is not opened in its place', async () => {
  const gone = vi.fn()
  hub.connected = true
  await show(<Terminal socket={hub as unknown as Socket} sessionId="s1" id="a" join touch onState={() => {}} onGone={gone} />)
  expect(hub.created).toEqual([{ sessionId: 's1', terminalId: 'a', cols: 80, rows: 24, join: true }])
  await hub.say('terminal:error', { terminalId: 'a', message: closedWords })
  expect(gone).toHaveBeenCalledWith(closedWords)
})

const list = (shells: readonly Shell[] | null, more: Partial<Parameters<typeof ShellList>[0]> = {}) => <ShellList shells={shells} offline={false} problem={null} onJoin={() => {}} onNew={() => {}} {...more} />
const buttons = () => [...page.querySelectorAll('button')].map((b) => [b.textContent, b.disabled] as const)

test('several shells: what each does, who looks, and a way to another one', async () => {
  const joined = vi.fn()
  await show(list([shell('a', { busy: true, viewers: 2, line: 'make test' }), shell('b', { viewers: 0, line: undefined })], { onJoin: joined }))
  expect(buttons().map(([text]) => text)).toEqual(['make testa program runs · 2 browsers look · now', 'Nothing printed yetwaits for input · nobody looks · now', 'Open another one'])
  await act(async () => page.querySelectorAll('button')[1]?.click())
  expect(joined).toHaveBeenCalledWith('b')
})

test('none: what happened to the one that was chosen, and one next step', async () => {
  await show(list([], { problem: 'This shell was closed meanwhile.' }))
  expect(page.querySelector('[role=status]')?.textContent).toBe('This shell was closed meanwhile.')
  expect(page.textContent).toContain('No shell is open.')
  expect(buttons()).toEqual([['Open a new one', false]])
})

test('offline: said so, and nothing can be pressed', async () => {
  await show(list([shell('a')], { offline: true, problem: 'old' }))
  expect(page.querySelector('[role=status]')?.textContent).toContain('The connection is lost')
  expect(buttons().map(([, disabled]) => disabled)).toEqual([true, true])
})
