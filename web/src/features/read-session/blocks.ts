/**
 * From the rows of a window to what is shown, in order. Pure. Tool calls meet
 * their results and their requests here; a subagent's rows go below its call.
 */
import type { AgentState, Attachment, CompletedRequest, Message } from '@/api/types'
import { decode, type AgentEvent, type Decoded, type Part, type ResultPermissions, type Usage } from '@/model/decode'
import { isQueued } from '@/live/window'
import { splitSummary } from '@/model/summary'
import { isSubagent, isTitleTool, kindOf } from '@/model/tools'

export interface Tool {
  id: string
  name: string
  input: unknown
  description: string | null
  state: 'pending' | 'running' | 'completed' | 'error'
  result: unknown
  progress: string | null
  startedAt: number
  endedAt: number | null
  permission: { status: 'pending' | CompletedRequest['status']; reason?: string; mode?: string; answers?: CompletedRequest['answers'] } | null
}

interface Base {
  id: string
  at: number
}

export type Block =
  | (Base & { kind: 'user'; text: string; attachments: Attachment[]; localId: string | null })
  | (Base & { kind: 'text'; text: string; by?: Author })
  | (Base & { kind: 'reasoning'; text: string })
  | (Base & { kind: 'tool'; tool: Tool; children: Block[] })
  | (Base & { kind: 'tools'; tools: Tool[] })
  | (Base & { kind: 'image'; imageId: string; fileName: string; mimeType: string })
  | (Base & { kind: 'cli'; text: string; from: 'user' | 'agent' })
  | (Base & { kind: 'event'; event: AgentEvent })
  | (Base & { kind: 'orphan'; children: Block[] })
  | (Base & { kind: 'raw'; label: string; json: string })

/** Who said it, and what that took. */
export interface Author {
  model: string | null
  usage: Usage | null
}

export interface Conversation {
  blocks: Block[]
  usage: Usage | null
  model: string | null
  /** Requests whose tool call is not among the loaded rows. */
  unplaced: string[]
  /** How long a turn took, by the id of the block it ended with. */
  durations: Map<string, number>
  /** Text to give back to the composer, with the id of the event that said so. */
  restore: { id: string; text: string } | null
}

const decoded = new WeakMap<Message, Decoded | null>()

function decodeOnce(m: Message): Decoded | null {
  let d = decoded.get(m)
  if (d === undefined) {
    d = decode(m)
    decoded.set(m, d)
  }
  return d
}

/** Summaries that agents write for notifications are left out unless they are wanted. */
export function buildConversation(rows: readonly Message[], state: AgentState | null | undefined, summaries = false): Conversation {
  const all: Decoded[] = []
  for (const m of rows) {
    if (isQueued(m)) continue
    const d = decodeOnce(m)
    if (d) all.push(d)
  }
  const { root, children, orphans } = trace(all)
  const found: Found = { tools: new Set(), durations: new Map(), restore: null }
  const blocks = fold(reduce(root, children, state ?? {}, found))
  for (const group of orphans) {
    const inner = fold(reduce(group, children, state ?? {}, found))
    const first = inner[0]
    if (first) blocks.push({ kind: 'orphan', id: `orphan:${first.id}`, at: first.at, children: inner })
  }
  if (orphans.length > 0) blocks.sort((a, b) => a.at - b.at)
  const last = root.findLast((d) => d.usage)
  const model = root.findLast((d) => d.model && d.model !== '<synthetic>')?.model ?? null
  const unplaced = Object.keys(state?.requests ?? {}).filter((id) => !found.tools.has(id))
  const shown = summaries ? blocks : blocks.filter((b) => b.kind !== 'event' || b.event.type !== 'turn-summary')
  return { blocks: group(shown), usage: last?.usage ?? null, model, unplaced, durations: found.durations, restore: found.restore }
}

/** Which rows belong to a subagent, keyed by the tool call that started it. */
function trace(all: Decoded[]): { root: Decoded[]; children: Map<string, Decoded[]>; orphans: Decoded[][] } {
  const byPrompt = new Map<string, string>()
  const calls = new Set<string>()
  for (const d of all) {
    for (const p of d.parts) {
      if (p.kind !== 'tool-call' || !isSubagent(p.name)) continue
      calls.add(p.id)
      const prompt = (p.input as { prompt?: unknown } | null)?.prompt
      if (typeof prompt === 'string') byPrompt.set(prompt.trim(), p.id)
    }
  }
  const root: Decoded[] = []
  const children = new Map<string, Decoded[]>()
  const owner = new Map<string, string>()
  const lost = new Map<string, Decoded[]>()
  for (const d of all) {
    if (!d.isSidechain) {
      root.push(d)
      continue
    }
    const prompt = d.parts.find((p) => p.kind === 'prompt')
    let call = d.parentToolUseId && calls.has(d.parentToolUseId) ? d.parentToolUseId : undefined
    call ??= prompt?.kind === 'prompt' ? byPrompt.get(prompt.text.trim()) : undefined
    call ??= d.parentUuid ? owner.get(d.parentUuid) : undefined
    const key = call ?? `lost:${d.parentToolUseId ?? (d.parentUuid ? (owner.get(d.parentUuid) ?? d.parentUuid) : '')}`
    if (d.uuid) owner.set(d.uuid, key)
    const group = (key.startsWith('lost:') ? lost : children).get(key)
    if (group) group.push(d)
    else (key.startsWith('lost:') ? lost : children).set(key, [d])
  }
  return { root, children, orphans: [...lost.values()] }
}

interface Found {
  tools: Set<string>
  durations: Map<string, number>
  restore: Conversation['restore']
}

function reduce(list: Decoded[], children: Map<string, Decoded[]>, state: AgentState, found: Found): Block[] {
  const blocks: Block[] = []
  const tools = new Map<string, Extract<Block, { kind: 'tool' }>>()
  const streams = new Map<string, Extract<Block, { kind: 'text' | 'reasoning' }>>()
  const titles = new Set<string>()

  const tool = (id: string, name: string, input: unknown, d: Decoded): Extract<Block, { kind: 'tool' }> => {
    const known = tools.get(id)
    if (known) return known
    found.tools.add(id)
    const permission = permissionOf(id, state)
    const asked = state.completedRequests?.[id] ?? state.requests?.[id]
    const block: Extract<Block, { kind: 'tool' }> = {
      kind: 'tool',
      id,
      at: d.at,
      children: [],
      tool: {
        id,
        name: name || asked?.tool || 'Tool',
        input: input ?? asked?.arguments ?? null,
        description: null,
        state: permission?.status === 'denied' || permission?.status === 'canceled' ? 'error' : 'running',
        result: undefined,
        progress: null,
        startedAt: d.at,
        endedAt: null,
        permission,
      },
    }
    const below = children.get(id)
    if (below) block.children = fold(reduce(below, children, state, found))
    tools.set(id, block)
    blocks.push(block)
    return block
  }

  for (const d of list) {
    const prompts = new Set(d.parts.flatMap((p) => (p.kind === 'tool-call' && isSubagent(p.name) ? [String((p.input as { prompt?: unknown } | null)?.prompt ?? '').trim()] : [])))
    d.parts.forEach((p, i) => {
      const base = { id: d.parts.length === 1 ? d.id : `${d.id}:${i}`, at: d.at }
      switch (p.kind) {
        case 'user':
          if (d.fromCli && isCommandEcho(p.text)) blocks.push({ ...base, kind: 'cli', text: p.text, from: 'user' })
          else blocks.push({ ...base, kind: 'user', text: p.text, attachments: p.attachments, localId: d.localId })
          found.restore = null
          break
        case 'text':
          if (prompts.has(p.text.trim())) break
          if (d.fromCli && isCommandEcho(p.text)) blocks.push({ ...base, kind: 'cli', text: p.text, from: 'agent' })
          else spoken(blocks, streams, { ...base, kind: 'text', text: p.text, ...(d.model ? { by: { model: d.model, usage: d.usage } } : {}) }, p.streamId)
          break
        case 'reasoning':
          said(blocks, streams, { ...base, kind: 'reasoning', text: p.text }, p.streamId && `r:${p.streamId}`)
          break
        case 'tool-call':
          if (isTitleTool(p.name)) {
            titles.add(p.id)
            const title = (p.input as { title?: unknown } | null)?.title
            if (typeof title === 'string') blocks.push({ ...base, id: p.id, kind: 'event', event: { type: 'title-changed', title } })
          } else called(tool(p.id, p.name, p.input, d).tool, p)
          break
        case 'tool-result':
          if (!titles.has(p.id)) finished(tool(p.id, '', null, d).tool, p, d.at)
          break
        case 'image':
          blocks.push({ ...base, kind: 'image', imageId: p.imageId, fileName: p.fileName, mimeType: p.mimeType })
          break
        case 'prompt': {
          const summary = /^<task-notification>[\s\S]*?<summary>([\s\S]*?)<\/summary>/.exec(p.text.trim())?.[1]
          if (summary) blocks.push({ ...base, kind: 'event', event: { type: 'message', text: summary.trim() } })
          break
        }
        case 'event':
          if (p.event.type === 'abort-restore') found.restore = { id: d.id, text: p.event.text }
          else if (p.event.type === 'turn-duration') lasted(blocks, found, p.event.durationMs, p.event.target)
          else if (p.event.type !== 'silent' && !(p.event.type === 'goal' && p.event.status === 'cleared')) blocks.push({ ...base, kind: 'event', event: p.event })
          break
        case 'raw':
          blocks.push({ ...base, kind: 'raw', label: p.label, json: p.json })
          break
        default:
          p satisfies never
      }
    })
  }
  return blocks
}

const isCommandEcho = (text: string) => /<(local-command-\w+|command-(name|message|args))>/.test(text)

/** A snapshot of something that still grows takes the place of its last one. */
function said(blocks: Block[], streams: Map<string, Extract<Block, { kind: 'text' | 'reasoning' }>>, block: Extract<Block, { kind: 'text' | 'reasoning' }>, streamId?: string) {
  const known = streamId ? streams.get(streamId) : undefined
  if (known) known.text = block.text
  else {
    blocks.push(block)
    if (streamId) streams.set(streamId, block)
  }
}

/** Text, without the summary that some agents end it with; whether that is shown is the hub's to say. */
function spoken(blocks: Block[], streams: Map<string, Extract<Block, { kind: 'text' | 'reasoning' }>>, block: Extract<Block, { kind: 'text' }>, streamId?: string) {
  const { text, summary } = splitSummary(block.text)
  if (text.trim() !== '') said(blocks, streams, { ...block, text }, streamId)
  if (summary?.summary) blocks.push({ kind: 'event', id: `${block.id}:summary`, at: block.at, event: { type: 'turn-summary', status: summary.status ?? '', text: summary.summary } })
}

const placeholder = /^(tool|unknown|generic)?$/i

function called(tool: Tool, p: Extract<Part, { kind: 'tool-call' }>) {
  if (!placeholder.test(p.name) || placeholder.test(tool.name)) tool.name = p.name || tool.name
  if (p.input !== null) tool.input = p.input
  if (p.description) tool.description = p.description
  if (p.progress) tool.progress = p.progress
}

function finished(tool: Tool, p: Extract<Part, { kind: 'tool-result' }>, at: number) {
  tool.result = p.content
  tool.state = p.isError ? 'error' : 'completed'
  tool.endedAt = at
  if (p.permissions) tool.permission = overlaid(tool.permission, p.permissions)
}

const overlaid = (known: Tool['permission'], said: ResultPermissions): Tool['permission'] => ({ ...known, status: said.result })

function permissionOf(id: string, state: AgentState): Tool['permission'] {
  const done = state.completedRequests?.[id]
  if (done) return { status: done.status, ...(done.reason ? { reason: done.reason } : {}), ...(done.mode ? { mode: done.mode } : {}), ...(done.answers ? { answers: done.answers } : {}) }
  return state.requests?.[id] ? { status: 'pending' } : null
}

function lasted(blocks: Block[], found: Found, durationMs: number, target: string | null) {
  const block = (target && blocks.find((b) => b.id === target || b.id.startsWith(`${target}:`))) || blocks.findLast((b) => b.kind === 'text' || b.kind === 'tool' || b.kind === 'reasoning')
  if (block) found.durations.set(block.id, durationMs)
}

/** Removes what repeats itself: errors that follow errors, a title said twice, a command and its output apart. */
function fold(blocks: Block[]): Block[] {
  const out: Block[] = []
  for (const b of blocks) {
    const last = out.at(-1)
    if (b.kind === 'event' && last?.kind === 'event') {
      if (b.event.type === 'api-error' && last.event.type === 'api-error') {
        out[out.length - 1] = b
        continue
      }
      if (JSON.stringify(b.event) === JSON.stringify(last.event)) continue
      if (b.event.type === 'message' && last.event.type === 'title-changed' && b.event.text.includes(last.event.title)) continue
    }
    if (b.kind === 'cli' && last?.kind === 'cli' && b.from === last.from && last.text.includes('<command-name>') && !last.text.includes('<local-command-stdout>') && b.text.includes('<local-command-stdout>')) {
      out[out.length - 1] = { ...last, text: `${last.text}\n${b.text}` }
      continue
    }
    out.push(b)
  }
  return out
}

const dull = new Set(['read', 'search', 'web'])

/** Reads and searches next to each other are one line: nobody decides anything by them. */
export function group(blocks: Block[]): Block[] {
  const out: Block[] = []
  let run: Extract<Block, { kind: 'tool' }>[] = []
  const close = () => {
    const [first] = run
    if (first && run.length > 1) out.push({ kind: 'tools', id: `tools:${first.id}`, at: first.at, tools: run.map((b) => b.tool) })
    else if (first) out.push(first)
    run = []
  }
  for (const b of blocks) {
    if (b.kind === 'tool' && dull.has(kindOf(b.tool.name)) && b.children.length === 0 && b.tool.permission?.status !== 'pending' && b.tool.state !== 'error') run.push(b)
    else {
      close()
      out.push(b)
    }
  }
  close()
  return out
}

/** Every prompt of the person, for the outline. */
export function prompts(blocks: readonly Block[]): { id: string; text: string; at: number }[] {
  return blocks.flatMap((b) => (b.kind === 'user' ? [{ id: b.id, text: b.text, at: b.at }] : []))
}

export interface Changed {
  path: string
  tools: Tool[]
}

/** Files the agent changed in the loaded part of the conversation. */
export function editedTools(blocks: readonly Block[]): Tool[] {
  return blocks.flatMap((b) => (b.kind === 'tool' ? [...(kindOf(b.tool.name) === 'edit' && b.tool.state === 'completed' ? [b.tool] : []), ...editedTools(b.children)] : []))
}
