/**
 * From a message as stored to what it says. Total: a shape nobody knows becomes
 * a `raw` part that can be looked at, never an exception and never nothing.
 */
import type { Attachment, Message } from '@/api/types'

export interface Usage {
  input: number
  output: number
  cacheRead: number
  cacheCreation: number
  /** What the context holds now. */
  context: number
  window: number | null
}

export interface PlanStep {
  step: string
  status: 'pending' | 'in_progress' | 'completed'
}

export type AgentEvent =
  | { type: 'switch'; mode: string }
  | { type: 'permission-mode-changed'; mode: string }
  | { type: 'title-changed'; title: string }
  | { type: 'message' | 'error' | 'recap' | 'compact-summary' | 'abort-restore'; text: string }
  | { type: 'limit-warning'; percent: number; endsAt: number; limitType: string }
  | { type: 'limit-reached'; endsAt: number; limitType: string }
  | { type: 'api-error'; attempt: number; max: number; reason: string }
  | { type: 'turn-duration'; durationMs: number; target: string | null }
  | { type: 'compact'; preTokens: number; savedTokens: number }
  | { type: 'turn-summary'; status: string; text: string }
  | { type: 'goal'; objective: string; status: string }
  | { type: 'silent' }

export interface ResultPermissions {
  result: 'approved' | 'denied'
}

export type Part =
  | { kind: 'user'; text: string; attachments: Attachment[] }
  | { kind: 'text'; text: string; streamId?: string }
  | { kind: 'reasoning'; text: string; streamId?: string }
  | { kind: 'tool-call'; id: string; name: string; input: unknown; description?: string; progress?: string }
  | { kind: 'tool-result'; id: string; content: unknown; isError: boolean; permissions?: ResultPermissions }
  | { kind: 'image'; imageId: string; fileName: string; mimeType: string }
  | { kind: 'prompt'; text: string }
  | { kind: 'event'; event: AgentEvent }
  | { kind: 'raw'; label: string; json: string }

export interface Decoded {
  id: string
  localId: string | null
  /** When it counts as having happened: taken by the agent, else made. */
  at: number
  invokedAt: number | null
  parts: Part[]
  isSidechain: boolean
  parentToolUseId: string | null
  uuid: string | null
  parentUuid: string | null
  fromCli: boolean
  model: string | null
  usage: Usage | null
}

type Bag = Record<string, unknown>

const isBag = (v: unknown): v is Bag => typeof v === 'object' && v !== null && !Array.isArray(v)
const text = (v: unknown): string | null => (typeof v === 'string' ? v : null)
const number = (v: unknown): number | null => (typeof v === 'number' && Number.isFinite(v) ? v : null)
const list = (v: unknown): unknown[] => (Array.isArray(v) ? v : [])
export const stringify = (v: unknown): string => (typeof v === 'string' ? v : (JSON.stringify(v, null, 2) ?? ''))

function envelope(v: unknown): Bag | null {
  if (!isBag(v)) return null
  if (typeof v.role === 'string' && 'content' in v) return v
  for (const inner of [v.message, isBag(v.data) ? v.data.message : null, isBag(v.payload) ? v.payload.message : null]) if (isBag(inner) && typeof inner.role === 'string' && 'content' in inner) return inner
  return null
}

/** Null for a row that is not meant to be seen. */
export function decode(m: Message): Decoded | null {
  const record = envelope(m.content)
  const out: Decoded = {
    id: m.id,
    localId: m.localId,
    at: m.invokedAt ?? m.createdAt,
    invokedAt: m.invokedAt,
    parts: [],
    isSidechain: false,
    parentToolUseId: null,
    uuid: null,
    parentUuid: null,
    fromCli: false,
    model: null,
    usage: null,
  }
  if (!record) {
    out.parts = [raw('message', m.content)]
    return out
  }
  const meta = isBag(record.meta) ? record.meta : {}
  if (meta.isTranscriptEcho === true) return null
  out.fromCli = meta.sentFrom === 'cli'
  if (record.role === 'user') out.parts = [user(record.content)]
  else if (record.role !== 'agent') out.parts = [raw(String(record.role), record.content)]
  else if (!isBag(record.content)) out.parts = [{ kind: 'text', text: stringify(record.content) }]
  else if (record.content.type === 'output') return output(record.content.data, out)
  else if (record.content.type === 'codex') return generic(record.content.data, out)
  else if (record.content.type === 'event') out.parts = [event(record.content.data)]
  else if (record.content.type === 'text' && typeof record.content.text === 'string') out.parts = [{ kind: 'text', text: record.content.text }]
  else out.parts = [raw(text(record.content.type) ?? 'message', record.content)]
  return out
}

const raw = (label: string, value: unknown): Part => ({ kind: 'raw', label, json: stringify(value) })

function user(content: unknown): Part {
  if (typeof content === 'string') return { kind: 'user', text: content, attachments: [] }
  if (isBag(content) && content.type === 'text' && typeof content.text === 'string') return { kind: 'user', text: content.text, attachments: attachments(content.attachments) }
  return { kind: 'user', text: stringify(content), attachments: [] }
}

function attachments(v: unknown): Attachment[] {
  return list(v).filter(
    (a): a is Attachment & Bag => isBag(a) && typeof a.id === 'string' && typeof a.filename === 'string' && typeof a.mimeType === 'string' && typeof a.path === 'string' && typeof a.size === 'number',
  )
}

const shownSystem = new Set(['api_error', 'turn_duration', 'microcompact_boundary', 'compact_boundary', 'away_summary'])

/** A line of Claude's transcript. */
function output(data: unknown, out: Decoded): Decoded | null {
  if (!isBag(data)) {
    out.parts = [raw('output', data)]
    return out
  }
  if (data.isMeta || data.isCompactSummary || data.type === 'rate_limit_event' || data.type === 'tool_progress') return null
  out.isSidechain = data.isSidechain === true
  out.parentToolUseId = text(data.parentToolUseId) ?? text(data.parent_tool_use_id)
  if (out.parentToolUseId) out.isSidechain = true
  out.uuid = text(data.uuid)
  out.parentUuid = text(data.parentUuid)
  switch (data.type) {
    case 'assistant':
      return assistant(data.message, out)
    case 'user':
      return claudeUser(data, out)
    case 'summary':
      out.parts = typeof data.summary === 'string' ? [{ kind: 'event', event: { type: 'message', text: data.summary } }] : [raw('summary', data)]
      return out
    case 'system':
      return system(data, out)
    case 'agy_message':
      if (typeof data.content !== 'string' || data.content.trim() === '') return null
      out.parts = [{ kind: 'text', text: data.content.replace(/^\[Message\] timestamp=[\s\S]*$/m, '').trim() }]
      return out
    case 'agy_tool_action': {
      const id = text(data.toolUseId) ?? out.id
      const name = text(data.toolName) ?? text(data.name) ?? 'Tool'
      out.parts = [
        { kind: 'tool-call', id, name, input: data.input ?? null },
        { kind: 'tool-result', id, content: data.content, isError: data.name === 'ERROR_MESSAGE' },
      ]
      return out
    }
    default:
      out.parts = [raw(text(data.type) ?? 'output', data)]
      return out
  }
}

function assistant(message: unknown, out: Decoded): Decoded | null {
  if (!isBag(message)) {
    out.parts = [raw('assistant', message)]
    return out
  }
  out.model = text(message.model)
  out.usage = claudeUsage(message.usage)
  if (typeof message.content === 'string') out.parts = [said(message.content)]
  else {
    for (const block of list(message.content)) {
      if (!isBag(block)) continue
      if (block.type === 'text' && typeof block.text === 'string') {
        if (block.text.trim() !== '') out.parts.push(said(block.text))
      } else if (block.type === 'thinking' && typeof block.thinking === 'string') {
        if (block.thinking.trim() !== '') out.parts.push({ kind: 'reasoning', text: block.thinking })
      } else if (block.type === 'tool_use' && typeof block.id === 'string') {
        out.parts.push(call(block.id, text(block.name) ?? 'Tool', block.input))
      }
    }
  }
  const sole = out.parts[0]
  if (out.parts.length === 1 && sole?.kind === 'text' && sole.text.trim() === 'No response requested.') return null
  return out
}

function call(id: string, name: string, input: unknown): Part {
  const description = isBag(input) ? text(input.description) : null
  return { kind: 'tool-call', id, name, input: input ?? null, ...(description ? { description } : {}) }
}

const limitText = /^Claude AI usage limit (reached|warning)\|(\d+)(?:\|([^|]*))?(?:\|([^|]*))?$/

/** What the agent says is text, except where it reports a usage limit. */
function said(words: string): Part {
  const limit = limitText.exec(words.trim())
  if (!limit) return { kind: 'text', text: words }
  const [, kind, endsAt, third, fourth] = limit
  return kind === 'reached'
    ? { kind: 'event', event: { type: 'limit-reached', endsAt: Number(endsAt), limitType: third ?? '' } }
    : { kind: 'event', event: { type: 'limit-warning', percent: Number(third), endsAt: Number(endsAt), limitType: fourth ?? '' } }
}

function claudeUsage(v: unknown): Usage | null {
  if (!isBag(v)) return null
  const input = number(v.input_tokens)
  const output = number(v.output_tokens)
  if (input === null || output === null) return null
  const cacheRead = number(v.cache_read_input_tokens) ?? 0
  const cacheCreation = number(v.cache_creation_input_tokens) ?? 0
  return { input, output, cacheRead, cacheCreation, context: input + cacheRead + cacheCreation, window: number(v.context_window) }
}

function claudeUser(data: Bag, out: Decoded): Decoded | null {
  const message = data.message
  if (!isBag(message)) {
    out.parts = [raw('user', data)]
    return out
  }
  const content = message.content
  if (typeof content === 'string') {
    out.parts = [{ kind: 'prompt', text: content }]
    return out
  }
  const blocks = list(content).filter(isBag)
  const texts = blocks.filter((b) => b.type === 'text' && typeof b.text === 'string').map((b) => b.text as string)
  if (texts.length > 0 && (out.isSidechain || texts.length === blocks.length)) {
    out.parts = out.isSidechain ? [{ kind: 'prompt', text: texts.join('\n\n') }] : [{ kind: 'user', text: texts.join('\n\n'), attachments: [] }]
    return out
  }
  for (const block of blocks) {
    if (block.type === 'tool_result' && typeof block.tool_use_id === 'string') {
      const permissions = resultPermissions(block.permissions)
      const rich = data.toolUseResult
      // Claude's own result is richer, but a bare string there repeats an error the block has in full.
      const content = rich !== undefined && rich !== null && typeof rich !== 'string' ? rich : (block.content ?? rich)
      out.parts.push({ kind: 'tool-result', id: block.tool_use_id, content, isError: block.is_error === true, ...(permissions ? { permissions } : {}) })
    } else if (block.type === 'text' && typeof block.text === 'string') out.parts.push({ kind: 'text', text: block.text })
  }
  return out.parts.length > 0 ? out : null
}

function resultPermissions(v: unknown): ResultPermissions | null {
  return isBag(v) && number(v.date) !== null && (v.result === 'approved' || v.result === 'denied') ? { result: v.result } : null
}

function system(data: Bag, out: Decoded): Decoded | null {
  const subtype = text(data.subtype)
  if (!subtype || !shownSystem.has(subtype)) return null
  let e: AgentEvent
  if (subtype === 'api_error') {
    const error = isBag(data.error) ? (text(data.error.message) ?? '') : (text(data.error) ?? '')
    e = { type: 'api-error', attempt: number(data.retryAttempt) ?? 0, max: number(data.maxRetries) ?? 0, reason: error }
  } else if (subtype === 'turn_duration') {
    e = { type: 'turn-duration', durationMs: number(data.durationMs) ?? number(isBag(data.resultSummary) ? data.resultSummary.duration_ms : null) ?? 0, target: text(data.messageId) }
  } else if (subtype === 'away_summary') {
    if (typeof data.content !== 'string' || data.content.trim() === '') return null
    e = { type: 'recap', text: data.content }
  } else {
    const about = isBag(data.compactMetadata) ? data.compactMetadata : isBag(data.microcompactMetadata) ? data.microcompactMetadata : {}
    e = { type: 'compact', preTokens: number(about.preTokens) ?? 0, savedTokens: number(about.tokensSaved) ?? 0 }
  }
  out.parts = [{ kind: 'event', event: e }]
  return out
}

/** What every other agent's session process sends. */
function generic(data: unknown, out: Decoded): Decoded | null {
  if (!isBag(data)) return null
  const stream = typeof data.id === 'string' ? { streamId: data.id } : {}
  switch (data.type) {
    case 'message':
      if (typeof data.message !== 'string') return null
      out.parts = [{ kind: 'text', text: data.message, ...stream }]
      return out
    case 'reasoning':
      if (typeof data.message !== 'string') return null
      out.parts = [{ kind: 'reasoning', text: data.message, streamId: text(data.id) ?? out.id }]
      return out
    case 'error':
      out.parts = [{ kind: 'event', event: { type: 'error', text: text(data.message) ?? stringify(data) } }]
      return out
    case 'tool-call': {
      const id = text(data.callId)
      if (!id) return null
      const description = text(data.description) ?? text(data.nativeTitle) ?? text(data.title)
      const progress = data.progress === undefined ? null : stringify(data.progress)
      out.parts = [{ kind: 'tool-call', id, name: text(data.name) ?? 'unknown', input: data.input ?? null, ...(description ? { description } : {}), ...(progress ? { progress } : {}) }]
      return out
    }
    case 'tool-call-result': {
      const id = text(data.callId)
      if (!id) return null
      out.parts = [{ kind: 'tool-result', id, content: data.output, isError: data.is_error === true || data.isError === true }]
      return out
    }
    case 'generated-image': {
      const imageId = text(data.imageId) ?? text(data.image_id)
      if (!imageId) return null
      out.parts = [{ kind: 'image', imageId, fileName: text(data.fileName) ?? text(data.file_name) ?? 'generated-image', mimeType: text(data.mimeType) ?? text(data.mime_type) ?? 'image/png' }]
      return out
    }
    case 'token_count':
      out.usage = genericUsage(data)
      out.model = text(data.model)
      out.parts = [{ kind: 'event', event: { type: 'silent' } }]
      return out
    case 'plan':
      return plan('cursor-plan-state', data.entries ?? data.items ?? data.plan, out)
    case 'plan_update':
      return plan('codex-plan-state', data.plan ?? data.update ?? data.items ?? data.steps, out)
    case 'context_compacted':
      out.parts = [{ kind: 'event', event: { type: 'compact', preTokens: number(data.preTokens) ?? number(data.pre_tokens) ?? 0, savedTokens: 0 } }]
      return out
    case 'compact-summary':
      out.parts = [{ kind: 'event', event: { type: 'compact-summary', text: text(data.summary) ?? '' } }]
      return out
    case 'thread_goal_updated': {
      const goal = isBag(data.goal) ? data.goal : {}
      out.parts = [{ kind: 'event', event: { type: 'goal', objective: text(goal.objective) ?? '', status: text(goal.status) ?? '' } }]
      return out
    }
    case 'thread_goal_cleared':
      out.parts = [{ kind: 'event', event: { type: 'goal', objective: '', status: 'cleared' } }]
      return out
    case 'agent-run-start':
    case 'agent-run-update':
      return agentRun(data, out)
    default:
      return null
  }
}

function genericUsage(data: Bag): Usage | null {
  const info = isBag(data.info) ? data.info : {}
  const source = [info.last, info.lastTokenUsage, info.last_token_usage, info.total, info.totalTokenUsage, info.total_token_usage, info].find(isBag)
  if (!source) return null
  const input = number(source.inputTokens) ?? number(source.input_tokens)
  const output = number(source.outputTokens) ?? number(source.output_tokens)
  if (input === null || output === null) return null
  const scope = isBag(data.scope) ? data.scope.role : data.scopeRole
  if (scope === 'child') return null
  return {
    input,
    output,
    cacheRead: number(source.cachedInputTokens) ?? number(source.cached_input_tokens) ?? 0,
    cacheCreation: 0,
    context: number(info.contextTokens) ?? input,
    window: number(info.modelContextWindow) ?? number(info.model_context_window),
  }
}

export function planSteps(v: unknown): PlanStep[] {
  return list(v).flatMap((item): PlanStep[] => {
    if (typeof item === 'string') return item ? [{ step: item, status: 'pending' }] : []
    if (!isBag(item)) return []
    const step = [item.step, item.content, item.text, item.title, item.description, item.subject].find((s): s is string => typeof s === 'string' && s !== '')
    if (!step) return []
    const status = String(item.status ?? item.state ?? '')
      .toLowerCase()
      .replaceAll('_', '')
    return [{ step, status: ['completed', 'complete', 'done'].includes(status) ? 'completed' : ['inprogress', 'active', 'running'].includes(status) ? 'in_progress' : 'pending' }]
  })
}

function plan(id: string, entries: unknown, out: Decoded): Decoded | null {
  const steps = planSteps(entries)
  if (steps.length === 0) return null
  out.parts = [
    { kind: 'tool-call', id, name: 'update_plan', input: { plan: steps } },
    { kind: 'tool-result', id, content: { plan: steps }, isError: false },
  ]
  return out
}

function agentRun(data: Bag, out: Decoded): Decoded | null {
  const id = text(data.cardId) ?? text(data.agentId)
  if (!id) return null
  const status = text(data.status) ?? ''
  out.parts = [{ kind: 'tool-call', id, name: 'Agent', input: data.input ?? null, description: text(data.summary) ?? text(data.statusText) ?? '' }]
  const failed = ['failed', 'error', 'canceled', 'cancelled', 'notFound', 'not_found'].includes(status)
  if (failed || status === 'completed') out.parts.push({ kind: 'tool-result', id, content: data.result ?? data.error ?? '', isError: failed })
  return out
}

function event(data: unknown): Part {
  if (!isBag(data) || typeof data.type !== 'string') return raw('event', data)
  const e = knownEvent(data.type, data)
  return e ? { kind: 'event', event: e } : raw(data.type, data)
}

function knownEvent(type: string, data: Bag): AgentEvent | null {
  switch (type) {
    case 'switch':
    case 'permission-mode-changed':
      return { type, mode: text(data.mode) ?? '' }
    case 'title-changed':
      return { type, title: text(data.title) ?? '' }
    case 'message':
    case 'error':
      return { type, text: text(data.message) ?? stringify(data) }
    case 'abort-restore':
    case 'recap':
      return { type, text: text(data.text) ?? '' }
    case 'compact-summary':
      return { type, text: text(data.summary) ?? '' }
    case 'limit-reached':
      return { type, endsAt: number(data.endsAt) ?? 0, limitType: text(data.limitType) ?? '' }
    case 'limit-warning':
      return { type, percent: Math.round((number(data.utilization) ?? 0) * 100), endsAt: number(data.endsAt) ?? 0, limitType: text(data.limitType) ?? '' }
    case 'api-error':
      return { type, attempt: number(data.retryAttempt) ?? 0, max: number(data.maxRetries) ?? 0, reason: isBag(data.error) ? (text(data.error.message) ?? '') : (text(data.error) ?? '') }
    case 'turn-duration':
      return { type, durationMs: number(data.durationMs) ?? 0, target: text(data.targetMessageId) }
    case 'microcompact':
    case 'compact':
      return { type: 'compact', preTokens: number(data.preTokens) ?? 0, savedTokens: number(data.tokensSaved) ?? 0 }
    case 'thread-goal-updated':
      return { type: 'goal', objective: isBag(data.goal) ? (text(data.goal.objective) ?? '') : '', status: isBag(data.goal) ? (text(data.goal.status) ?? '') : '' }
    case 'thread-goal-cleared':
      return { type: 'goal', objective: '', status: 'cleared' }
    case 'ready':
    case 'token-count':
      return { type: 'silent' }
    default:
      return null
  }
}
