/** A hub as people run it, and session processes played by hand: what a browser meets, on loopback. */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core'
import { io, type Socket } from 'socket.io-client'

export const token = 'journeys-0123456789-abcdefghijklmnop'
const root = resolve(import.meta.dirname, '../..')
const binary = process.env.HAPI_BINARY ?? join(root, 'bin/hapi')

export function freePort(): Promise<number> {
  return new Promise((done) => {
    const server = createServer()
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => done(typeof address === 'object' && address ? address.port : 0))
    })
  })
}

/** Waits until the condition holds; the only clock is patience. */
export async function until<T>(what: string, condition: () => Promise<T> | T, patience = 60_000): Promise<NonNullable<T>> {
  const end = Date.now() + patience
  for (;;) {
    const value = await condition()
    if (value) return value as NonNullable<T>
    if (Date.now() > end) throw new Error(`waited in vain: ${what}`)
    await new Promise((r) => setTimeout(r, 50))
  }
}

export class Hub {
  readonly home = mkdtempSync(join(tmpdir(), 'hapi-web-'))
  port = 0
  #process: ChildProcess | null = null
  #agents: Agent[] = []
  #children: ChildProcess[] = []
  #beats: ReturnType<typeof setInterval>[] = []
  /** What a runner does when it is asked to start a session; it gives the session's id. */
  onSpawn: (request: Record<string, unknown>) => Promise<string> = () => Promise.reject(new Error('nothing is started here'))

  get url(): string {
    return `http://127.0.0.1:${this.port}`
  }

  static async start(): Promise<Hub> {
    const hub = new Hub()
    hub.port = await freePort()
    await hub.run()
    return hub
  }

  async run() {
    this.#process = spawn(binary, ['hub'], { env: { ...process.env, HAPI_HOME: this.home, HAPI_LISTEN_PORT: String(this.port), HAPI_PUBLIC_URL: this.url, CLI_API_TOKEN: token, HAPI_PUSH_ALLOW_PRIVATE: '1' }, stdio: 'ignore' })
    await until('the hub answers', () => fetch(`${this.url}/health`).then((r) => r.ok).catch(() => false))
  }

  /** The hub dies as by power failure. */
  async kill() {
    const process = this.#process
    this.#process = null
    if (!process || process.exitCode !== null || process.signalCode !== null) return
    const gone = new Promise((done) => process.once('exit', done))
    process.kill('SIGKILL')
    await gone
  }

  /** hapi itself as a session process. */
  spawn(args: string[], cwd: string): ChildProcess {
    const child = spawn(binary, args, { cwd, env: { ...process.env, HAPI_HOME: this.home, HAPI_API_URL: this.url, CLI_API_TOKEN: token }, stdio: ['pipe', 'ignore', 'ignore'] })
    this.#children.push(child)
    return child
  }

  async agent(about: About): Promise<Agent> {
    const agent = await Agent.start(this, about)
    this.#agents.push(agent)
    return agent
  }

  /** The process of a session that the hub made. */
  async joining(id: string): Promise<Agent> {
    const agent = await Agent.connect(this, id)
    this.#agents.push(agent)
    return agent
  }

  async machine(id: string, host: string, agents = ['claude', 'codex', 'gemini', 'opencode'], more: object = {}): Promise<Socket> {
    const metadata = { host, platform: 'darwin', happyCliVersion: '1.0.0', homeDir: '/Users/ada', workspaceRoots: ['/Users/ada/src'], capabilities: ['cursor-chat-store-status', 'stop-runner'], ...more }
    const runnerState = { status: 'running', pid: 1, startedAt: Date.now(), capabilities: { agentConfigs: agents.map((flavor) => ({ flavor, fields: [] })) } }
    await this.post('/cli/machines', { id, metadata, runnerState })
    const socket = io(`${this.url}/cli`, { transports: ['websocket'], auth: { token, clientType: 'machine-scoped', machineId: id } })
    await new Promise<void>((done) => socket.on('connect', done))
    const folders: Record<string, unknown[]> = { '/Users/ada/src': ['app', 'ledger', 'parser', 'site'].map((name) => ({ name, type: 'directory', isGitRepo: true })), '/Users/ada/src/app': ['auth', 'scripts', 'web'].map((name) => ({ name, type: 'directory' })) }
    const answers: Record<string, Handler> = {
      'stop-runner': () => ({ message: 'stopping' }),
      'list-directory': (p) => ({ success: true, entries: folders[String(p.path)] ?? [] }),
      'spawn-happy-session': (p) =>
        this.onSpawn(p).then(
          (sessionId) => ({ type: 'success', sessionId }),
          (error: unknown) => ({ type: 'error', errorMessage: String(error) }),
        ),
      'path-exists': (p) => ({ exists: Object.fromEntries((p.paths as string[]).map((path) => [path, path in folders])) }),
    }
    for (const method of Object.keys(answers)) socket.emit('rpc-register', { method: `${id}:${method}` })
    socket.on('rpc-request', (request: { method: string; params: string }, ack: (answer: string) => void) => {
      const answer = answers[request.method.slice(id.length + 1)]?.(JSON.parse(request.params) as Record<string, unknown>)
      void Promise.resolve(answer ?? null).then((a) => ack(JSON.stringify(a)))
    })
    const alive = () => socket.emit('machine-alive', { machineId: id, time: Date.now() })
    alive()
    this.#beats.push(setInterval(alive, 15_000))
    return socket
  }

  async post<T>(path: string, body: unknown, bearer = token): Promise<T> {
    const r = await fetch(this.url + path, { method: 'POST', headers: { Authorization: `Bearer ${bearer}`, 'Content-Type': 'application/json' }, body: JSON.stringify(body) })
    if (!r.ok) throw new Error(`${path}: ${r.status} ${await r.text()}`)
    return (await r.json()) as T
  }

  async stop() {
    for (const b of this.#beats) clearInterval(b)
    for (const a of this.#agents) a.stop()
    for (const c of this.#children) c.kill('SIGKILL')
    await this.kill()
    rmSync(this.home, { recursive: true, force: true })
  }
}

export interface About {
  path: string
  name?: string
  flavor?: string
  host?: string
  machineId?: string
  metadata?: Record<string, unknown>
}

interface State {
  requests: Record<string, unknown>
  completedRequests: Record<string, unknown>
  controlledByUser?: boolean
  steeringActive?: boolean
}

type Handler = (params: Record<string, unknown>) => unknown

/** A session process under the test's control. */
export class Agent {
  readonly id: string
  readonly calls: { method: string; params: Record<string, unknown> }[] = []
  readonly prompts: { text: string; localId: string | null }[] = []
  thinking = false
  /** Prompts are taken as they come; false leaves them in the queue. */
  takes = true
  onPrompt: ((text: string, localId: string | null) => void) | null = null
  #socket: Socket
  #state: State = { requests: {}, completedRequests: {} }
  #version = 1
  #beat: ReturnType<typeof setInterval>
  #handlers = new Map<string, Handler>()
  #queue: Promise<unknown> = Promise.resolve()
  #n = 0
  #shells = new Set<string>()

  private constructor(id: string, socket: Socket) {
    this.id = id
    this.#socket = socket
    this.#beat = setInterval(() => this.alive(), 2000)
    socket.on('update', (update: { body: { t: string; localId?: string; message?: { localId: string | null; content: { content?: { text?: string } } } } }, ack?: (v: unknown) => void) => {
      if (update.body.t === 'cancel-queued-message') return ack?.({ removed: true, inFlight: false, indeterminate: false, consumed: false })
      if (update.body.t === 'retry-queued-message') {
        this.calls.push({ method: 'retry', params: update.body })
        return ack?.({ accepted: true })
      }
      if (update.body.t !== 'new-message' || !update.body.message) return
      const { localId, content } = update.body.message
      if (localId && this.prompts.some((p) => p.localId === localId)) return
      const text = content.content?.text ?? ''
      if (!this.takes) return
      this.prompts.push({ text, localId })
      if (localId) socket.emit('messages-consumed', { sid: id, localIds: [localId], clearQueuedThinkingGrace: true })
      this.onPrompt?.(text, localId)
    })
    socket.on('terminal:open', (t: { sessionId: string; terminalId: string }) => {
      socket.emit('terminal:ready', { sessionId: t.sessionId, terminalId: t.terminalId })
      if (this.#shells.has(t.terminalId)) return
      this.#shells.add(t.terminalId)
      socket.emit('terminal:output', { sessionId: t.sessionId, terminalId: t.terminalId, data: '\u001b[32mada@studio\u001b[0m:\u001b[34m~/src/app\u001b[0m$ git status -sb\r\n## main...origin/main [ahead 1]\r\n\u001b[32mM\u001b[0m  auth/session.ts\r\n \u001b[31mM\u001b[0m auth/login.ts\r\n\u001b[31m??\u001b[0m scripts/migrate.sql\r\n\u001b[32mada@studio\u001b[0m:\u001b[34m~/src/app\u001b[0m$ ' })
    })
    socket.on('terminal:write', (t: { sessionId: string; terminalId: string; data: string }) => socket.emit('terminal:output', { sessionId: t.sessionId, terminalId: t.terminalId, data: t.data }))
    socket.on('rpc-request', (request: { method: string; params: string }, ack: (answer: string) => void) => {
      const method = request.method.slice(request.method.indexOf(':') + 1)
      const params = JSON.parse(request.params) as Record<string, unknown>
      this.calls.push({ method, params })
      void Promise.resolve(this.#handlers.get(method)?.(params) ?? null).then((answer) => ack(JSON.stringify(answer)))
    })
  }

  /** One of the session's shells prints; or a program runs in it. */
  shell(terminalId: string, data: string, busy = false) {
    this.#socket.emit('terminal:output', { sessionId: this.id, terminalId, data })
    if (busy) this.#socket.emit('terminal:ready', { sessionId: this.id, terminalId, busy })
  }

  static async start(hub: Hub, about: About): Promise<Agent> {
    const { path, name, flavor = 'claude', host = 'studio', machineId, metadata } = about
    const { session } = await hub.post<{ session: { id: string } }>('/cli/sessions', {
      tag: crypto.randomUUID(),
      metadata: { path, host, flavor, homeDir: '/Users/ada', lifecycleState: 'running', ...(name ? { name } : {}), ...(machineId ? { machineId } : {}), ...metadata },
      agentState: {},
      model: flavor === 'claude' ? 'sonnet' : undefined,
    })
    return Agent.connect(hub, session.id)
  }

  static async connect(hub: Hub, id: string): Promise<Agent> {
    const socket = io(`${hub.url}/cli`, { transports: ['websocket'], auth: { token, clientType: 'session-scoped', sessionId: id } })
    const agent = new Agent(id, socket)
    await new Promise<void>((done) => socket.on('connect', done))
    agent.handle('permission', (p) => agent.#decided(p))
    agent.handle('abort', () => {
      agent.think(false)
      return { success: true }
    })
    agent.handle('set-session-config', (p) => ({ applied: p }))
    agent.handle('killSession', () => {
      setTimeout(() => agent.end(), 10)
      return { success: true }
    })
    agent.handle('listSlashCommands', () => ({ success: true, commands: [{ name: 'compact', description: 'Shorten the conversation', source: 'builtin' }, { name: 'review', description: 'Review the changes', source: 'project' }, { name: 'clear', description: 'Forget the conversation', source: 'builtin' }] }))
    agent.handle('listSkills', () => ({ success: true, skills: [{ name: 'release', description: 'Cut a release' }] }))
    agent.handle('uploadFile', (p) => ({ success: true, path: `/tmp/hapi-upload-${String(p.filename)}` }))
    agent.handle('deleteUpload', () => ({ success: true }))
    agent.alive()
    return agent
  }

  handle(method: string, handler: Handler) {
    this.#handlers.set(method, handler)
    this.#socket.emit('rpc-register', { method: `${this.id}:${method}` })
    this.#socket.on('connect', () => this.#socket.emit('rpc-register', { method: `${this.id}:${method}` }))
  }

  alive() {
    this.#socket.emit('session-alive', { sid: this.id, time: Date.now(), thinking: this.thinking, permissionMode: 'default', model: 'sonnet' })
  }

  think(on: boolean) {
    this.thinking = on
    this.alive()
  }

  #emit(message: unknown, createdAt?: number) {
    this.#socket.emit('message', { sid: this.id, message, ...(createdAt ? { createdAt } : {}) })
  }

  /** A line of the agent's transcript. */
  output(data: Record<string, unknown>, createdAt?: number) {
    this.#emit({ role: 'agent', content: { type: 'output', data: { uuid: crypto.randomUUID(), ...data } } }, createdAt)
  }
  say(text: string, createdAt?: number) {
    this.output({ type: 'assistant', message: { role: 'assistant', model: 'claude-sonnet-4-5', content: [{ type: 'text', text }], usage: { input_tokens: 12, cache_read_input_tokens: 117_800, output_tokens: 40 } } }, createdAt)
  }
  think_(thinking: string, createdAt?: number) {
    this.output({ type: 'assistant', message: { role: 'assistant', content: [{ type: 'thinking', thinking }] } }, createdAt)
  }
  call(name: string, input: unknown, id = `tool-${++this.#n}-${this.id.slice(0, 4)}`, createdAt?: number, extra: Record<string, unknown> = {}): string {
    this.output({ type: 'assistant', message: { role: 'assistant', content: [{ type: 'tool_use', id, name, input }] }, ...extra }, createdAt)
    return id
  }
  result(id: string, content: unknown, createdAt?: number, extra: Record<string, unknown> = {}) {
    const { isError, ...rest } = extra
    this.output({ type: 'user', message: { role: 'user', content: [{ type: 'tool_result', tool_use_id: id, content, ...(isError ? { is_error: true } : {}) }] }, ...rest }, createdAt)
  }
  tool(name: string, input: unknown, content: unknown, at?: number, took = 400, extra: Record<string, unknown> = {}): string {
    const id = this.call(name, input, undefined, at)
    this.result(id, content, at === undefined ? undefined : at + took, extra)
    return id
  }
  user(text: string, createdAt?: number) {
    this.#emit({ role: 'user', content: { type: 'text', text } }, createdAt)
  }
  event(data: Record<string, unknown>) {
    this.#emit({ role: 'agent', content: { type: 'event', data } })
  }
  codex(data: Record<string, unknown>) {
    this.#emit({ role: 'agent', content: { type: 'codex', data } })
  }

  request(id: string, tool: string, args: unknown, createdAt = Date.now()): Promise<void> {
    return this.#write((s) => ({ ...s, requests: { ...s.requests, [id]: { tool, arguments: args, createdAt } } }))
  }
  controlled(by: boolean): Promise<void> {
    return this.#write((s) => ({ ...s, controlledByUser: by }))
  }
  steerable(on: boolean): Promise<void> {
    return this.#write((s) => ({ ...s, steeringActive: on }))
  }
  /** Nobody knows whether the agent has this prompt. */
  unsure(localId: string) {
    this.#socket.emit('messages-indeterminate', { sid: this.id, localIds: [localId] })
  }

  /** Changes the session's metadata as the hub has it now. */
  async note(change: (metadata: Record<string, unknown>) => Record<string, unknown>): Promise<void> {
    let metadata: Record<string, unknown> = {}
    for (let version = 0; ; ) {
      const answer = (await this.#socket.emitWithAck('update-metadata', { sid: this.id, expectedVersion: version, metadata: change(metadata) })) as { result: string; version: number; metadata?: Record<string, unknown> }
      if (answer.result === 'success') return
      if (answer.result !== 'version-mismatch') throw new Error(`update-metadata: ${JSON.stringify(answer)}`)
      version = answer.version
      metadata = answer.metadata ?? {}
    }
  }

  async #decided(p: Record<string, unknown>): Promise<null> {
    const id = String(p.id)
    await this.#write((s) => {
      const { [id]: asked, ...requests } = s.requests
      const done = { ...(asked as object), completedAt: Date.now(), status: p.approved ? 'approved' : 'denied', ...(p.reason ? { reason: p.reason } : {}), ...(p.answers ? { answers: p.answers } : {}), ...(p.decision ? { decision: p.decision } : {}) }
      return { ...s, requests, completedRequests: { ...s.completedRequests, [id]: done } }
    })
    return null
  }

  #write(change: (s: State) => State): Promise<void> {
    const next = this.#queue.then(async () => {
      for (;;) {
        const wanted = change(this.#state)
        const answer = (await this.#socket.emitWithAck('update-state', { sid: this.id, expectedVersion: this.#version, agentState: wanted })) as { result: string; version: number; agentState?: State }
        this.#version = answer.version
        if (answer.result === 'success') {
          this.#state = wanted
          return
        }
        if (answer.result !== 'version-mismatch') throw new Error(`update-state: ${JSON.stringify(answer)}`)
        if (answer.agentState) this.#state = { ...answer.agentState, requests: answer.agentState.requests ?? {}, completedRequests: answer.agentState.completedRequests ?? {} }
      }
    })
    this.#queue = next
    return next
  }

  /** Everything said so far has reached the hub. */
  flushed(): Promise<unknown> {
    return this.#socket.emitWithAck('ping')
  }

  end(reason = 'completed') {
    this.#socket.emit('session-end', { sid: this.id, time: Date.now(), reason })
    clearInterval(this.#beat)
  }

  stop() {
    clearInterval(this.#beat)
    this.#socket.disconnect()
  }
}

export const phone = { width: 390, height: 844 }
export const desk = { width: 1280, height: 800 }

export function findChromium(): string {
  const named = process.env.CHROMIUM_PATH
  if (named) return named
  for (const path of ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']) if (existsSync(path)) return path
  throw new Error('no Chromium: apt-get install chromium, or set CHROMIUM_PATH')
}

export function launch(): Promise<Browser> {
  return chromium.launch({ executablePath: findChromium(), args: process.getuid?.() === 0 ? ['--no-sandbox'] : [] })
}

export interface Look {
  size: { width: number; height: number }
  theme?: 'light' | 'dark'
  language?: 'en' | 'zh-CN'
  scale?: number
  /** Another space of the hub than the owner's. */
  namespace?: string
  userAgent?: string
}

/** A browser that is signed in. */
export async function visit(browser: Browser, hub: Hub, path: string, look: Look): Promise<{ page: Page; context: BrowserContext; problems: string[] }> {
  const context = await browser.newContext({
    viewport: look.size,
    colorScheme: look.theme ?? 'light',
    deviceScaleFactor: look.scale ?? 1,
    hasTouch: look.size.width < 600,
    isMobile: look.size.width < 600,
    locale: look.language ?? 'en',
    serviceWorkers: 'block',
    ...(look.userAgent ? { userAgent: look.userAgent } : {}),
  })
  await context.addInitScript(([url, t]) => localStorage.setItem(`hapi_access_token::${url}`, t ?? ''), [hub.url, look.namespace ? `${token}:${look.namespace}` : token])
  const page = await context.newPage()
  const problems: string[] = []
  page.on('pageerror', (e) => problems.push(String(e)))
  page.on('console', (m) => m.type() === 'error' && !/Failed to load resource/.test(m.text()) && problems.push(m.text()))
  await page.goto(hub.url + path)
  return { page, context, problems }
}

export function git(cwd: string, ...args: string[]) {
  execFileSync('git', ['-c', 'user.name=Ada', '-c', 'user.email=ada@example.org', '-c', 'init.defaultBranch=main', ...args], { cwd, stdio: 'ignore' })
}
