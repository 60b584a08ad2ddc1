/** What a tool call does, in the few facts a person needs. */
import { planSteps, type PlanStep } from './decode'
import { tail } from './session'

export type ToolKind = 'read' | 'search' | 'command' | 'edit' | 'web' | 'todo' | 'agent' | 'plan' | 'question' | 'other'

const kinds: Record<string, ToolKind> = {
  Read: 'read',
  NotebookRead: 'read',
  read: 'read',
  view: 'read',
  Grep: 'search',
  Glob: 'search',
  LS: 'search',
  grep: 'search',
  glob: 'search',
  list: 'search',
  search: 'search',
  Bash: 'command',
  CodexBash: 'command',
  shell_command: 'command',
  run_shell_command: 'command',
  shell: 'command',
  bash: 'command',
  execute: 'command',
  exec_command: 'command',
  Edit: 'edit',
  MultiEdit: 'edit',
  Write: 'edit',
  NotebookEdit: 'edit',
  CodexPatch: 'edit',
  CodexDiff: 'edit',
  edit: 'edit',
  write: 'edit',
  apply_patch: 'edit',
  WebFetch: 'web',
  WebSearch: 'web',
  webfetch: 'web',
  websearch: 'web',
  fetch: 'web',
  TodoWrite: 'todo',
  todowrite: 'todo',
  update_plan: 'todo',
  Task: 'agent',
  Agent: 'agent',
  task: 'agent',
  spawn_agent: 'agent',
  ExitPlanMode: 'plan',
  exit_plan_mode: 'plan',
  CursorCreatePlan: 'plan',
  AskUserQuestion: 'question',
  ask_user_question: 'question',
  request_user_input: 'question',
  CursorAskQuestion: 'question',
}

export function kindOf(tool: string): ToolKind {
  if (tool.startsWith('Task:') || tool.startsWith('Agent:')) return 'agent'
  return kinds[tool] ?? 'other'
}

export const isSubagent = (tool: string) => kindOf(tool) === 'agent'

type Bag = Record<string, unknown>
const bag = (v: unknown): Bag => (typeof v === 'object' && v !== null && !Array.isArray(v) ? (v as Bag) : {})
const text = (v: unknown): string | null => (typeof v === 'string' && v !== '' ? v : null)

export function commandOf(input: unknown): string | null {
  const b = bag(input)
  if (Array.isArray(b.command)) {
    const parts = b.command.map(String)
    // ["bash", "-lc", "…"] says what it runs in its last word.
    return parts.length === 3 && /(^|\/)(ba|z|da)?sh$/.test(parts[0] ?? '') ? (parts[2] ?? '') : parts.join(' ')
  }
  return text(b.command) ?? text(b.cmd) ?? text(b.script)
}

export function pathOf(input: unknown): string | null {
  const b = bag(input)
  return text(b.file_path) ?? text(b.filePath) ?? text(b.path) ?? text(b.notebook_path) ?? text(b.absolute_path) ?? text(b.filename)
}

/** The thing a tool works on, short enough for one line. */
export function subjectOf(tool: string, input: unknown, description?: string): string {
  const b = bag(input)
  switch (kindOf(tool)) {
    case 'command':
      return firstLine(commandOf(input) ?? description ?? tool)
    case 'read':
    case 'edit': {
      const path = pathOf(input) ?? Object.keys(bag(b.changes))[0]
      return path ? tail(path, 2) : (description ?? tool)
    }
    case 'search':
      return text(b.pattern) ?? text(b.query) ?? pathOf(input) ?? description ?? tool
    case 'web':
      return text(b.query) ?? hostOf(text(b.url)) ?? description ?? tool
    case 'agent':
      return description ?? text(b.description) ?? firstLine(text(b.prompt) ?? text(b.message) ?? tool)
    case 'todo':
    case 'plan':
    case 'question':
      return ''
    case 'other': {
      const shown = description ?? pathOf(input) ?? commandOf(input) ?? text(b.pattern) ?? text(b.url) ?? text(b.query) ?? text(b.name) ?? text(b.skill)
      return shown ? firstLine(shown).slice(0, 160) : ''
    }
  }
}

function firstLine(s: string): string {
  const line = s.trim().split('\n')[0] ?? ''
  return line.length < s.trim().length ? `${line} …` : line
}

function hostOf(url: string | null): string | null {
  if (!url) return null
  try {
    return new URL(url).host
  } catch {
    return url
  }
}

/** "mcp__my_server__do_it" as words. */
export function toolLabel(tool: string): string {
  const mcp = /^mcp__(.+?)__(.+)$/.exec(tool)
  const words = (s: string) => s.replaceAll(/[_-]+/g, ' ').trim()
  return mcp ? `${words(mcp[1] ?? '')}: ${words(mcp[2] ?? '')}` : words(tool.replaceAll(/([a-z])([A-Z])/g, '$1 $2'))
}

export interface Edit {
  path: string
  before: string
  after: string
}

/** The changes a tool call makes to files, as far as its input says. */
export function editsOf(tool: string, input: unknown): Edit[] {
  const b = bag(input)
  const path = pathOf(input) ?? ''
  const before = text(b.old_string) ?? text(b.oldString) ?? text(b.oldText)
  const after = text(b.new_string) ?? text(b.newString) ?? text(b.newText)
  if (Array.isArray(b.edits)) {
    return b.edits.map(bag).map((e) => ({ path: text(e.file_path) ?? path, before: text(e.old_string) ?? text(e.oldString) ?? '', after: text(e.new_string) ?? text(e.newString) ?? '' }))
  }
  if (before !== null || after !== null) return [{ path, before: before ?? '', after: after ?? '' }]
  if (kindOf(tool) === 'edit' && typeof b.content === 'string') return [{ path, before: '', after: b.content }]
  if (kindOf(tool) === 'edit' && typeof b.new_source === 'string') return [{ path, before: text(b.old_source) ?? '', after: b.new_source }]
  return []
}

/** A patch in unified form, where the tool speaks one. */
export function patchOf(input: unknown): string | null {
  const b = bag(input)
  const direct = text(b.unified_diff) ?? text(b.diff) ?? text(b.patch)
  if (direct) return direct
  const changes = Object.entries(bag(b.changes)).flatMap(([path, change]) => {
    const c = bag(change)
    const update = bag(c.update)
    const add = bag(c.add)
    const diff = text(c.unified_diff) ?? text(c.diff) ?? text(update.unified_diff)
    if (diff) return [`--- a/${path}\n+++ b/${path}\n${diff}`]
    const content = text(add.content) ?? text(c.content)
    if (content === null) return []
    const lines = content.replace(/\n$/, '').split('\n')
    return [`--- /dev/null\n+++ b/${path}\n@@ -0,0 +1,${lines.length} @@\n${lines.map((l) => `+${l}`).join('\n')}`]
  })
  return changes.length > 0 ? changes.join('\n') : null
}

export function todosOf(input: unknown, result: unknown): PlanStep[] {
  const b = bag(input)
  const r = bag(result)
  return planSteps(b.todos ?? b.plan ?? b.items ?? r.newTodos ?? r.plan)
}

export interface Question {
  id: string
  header: string
  text: string
  options: { label: string; value: string; description: string; preview: string }[]
  multiple: boolean
  /** Free text of several lines is expected. */
  long: boolean
  required: boolean
  prefill: string
}

/** The questions a tool asks; empty when its input cannot be read as such. */
export function questionsOf(input: unknown): Question[] {
  const b = bag(input)
  const items = Array.isArray(b.questions) ? b.questions : b.question ? [b] : []
  return items.map(bag).flatMap((q, i): Question[] => {
    const words = text(q.question) ?? text(q.prompt) ?? text(q.title)
    if (!words) return []
    const options = (Array.isArray(q.options) ? q.options : []).flatMap((o) => {
      if (typeof o === 'string') return [{ label: o, value: o, description: '', preview: '' }]
      const x = bag(o)
      const label = text(x.label) ?? text(x.value) ?? text(x.id)
      return label ? [{ label, value: text(x.id) ?? label, description: text(x.description) ?? '', preview: text(x.preview) ?? '' }] : []
    })
    return [
      {
        id: text(q.id) ?? String(i),
        header: text(q.header) ?? '',
        text: words,
        options,
        multiple: q.multiSelect === true || q.multiple === true || q.allowMultiple === true,
        long: q.editor === true,
        required: q.required !== false,
        prefill: text(q.prefill) ?? '',
      },
    ]
  })
}

export function planOf(input: unknown): string {
  const b = bag(input)
  return text(b.plan) ?? text(b.content) ?? text(b.markdown) ?? text(b.overview) ?? ''
}

export interface CommandOutput {
  out: string
  err: string
  exitCode: number | null
}

/** A result as plain text, without the wrappers agents put around it. */
export function resultText(v: unknown): string {
  if (v === null || v === undefined) return ''
  if (typeof v === 'string') return v.replace(/^<tool_use_error>([\s\S]*)<\/tool_use_error>$/, '$1')
  if (Array.isArray(v)) {
    const texts = v.map((item) => (typeof item === 'string' ? item : (text(bag(item).text) ?? text(bag(bag(item).content).text))))
    if (texts.some((t) => t !== null)) return texts.filter((t) => t !== null).join('\n')
  }
  const b = bag(v)
  const known = text(b.output) ?? text(b.text) ?? text(b.result) ?? text(b.content) ?? text(b.message) ?? (Array.isArray(b.content) ? resultText(b.content) : null) ?? (text(bag(b.file).content) || null)
  return known ?? JSON.stringify(v, null, 2)
}

export function commandOutput(v: unknown): CommandOutput {
  const b = bag(v)
  const exit = [b.exitCode, b.exit_code, b.code].find((n): n is number => typeof n === 'number') ?? null
  if (typeof b.stdout === 'string' || typeof b.stderr === 'string') return { out: text(b.stdout) ?? '', err: text(b.stderr) ?? '', exitCode: exit }
  return { out: v === null || v === undefined ? '' : resultText(v), err: '', exitCode: exit }
}

/** Pictures inside a result, as data the page can show. */
export function imagesOf(v: unknown): string[] {
  const items = Array.isArray(v) ? v : Array.isArray(bag(v).content) ? (bag(v).content as unknown[]) : [v]
  return items.flatMap((item) => {
    const b = bag(item)
    const source = bag(b.source)
    if (b.type === 'image' && text(source.data) && text(source.media_type)?.startsWith('image/')) return [`data:${String(source.media_type)};base64,${String(source.data)}`]
    if (b.type === 'image' && text(b.data) && text(b.mimeType)?.startsWith('image/')) return [`data:${String(b.mimeType)};base64,${String(b.data)}`]
    if (b.type === 'image' && text(bag(b.file).base64)) return [`data:${text(bag(b.file).type) ?? 'image/png'};base64,${String(bag(b.file).base64)}`]
    return []
  })
}

/** Tools that only tell the conversation its title. */
export const isTitleTool = (tool: string) => /(^|__|\b)(hapi[_-]+)?change_title$/.test(tool)

/** The rule "for this session" would make, as Claude writes it. */
export function ruleFor(tool: string, input: unknown, wide: boolean): string {
  const command = commandOf(input)
  if (tool !== 'Bash' || !command) return tool
  return wide ? `Bash(${prefixOf(command)}:*)` : `Bash(${command})`
}

/** "npm run migrate --force" begins with "npm run". Nothing wide is offered for a command that joins several. */
export function prefixOf(command: string): string {
  const words = command.trim().split(/\s+/)
  const two = ['npm', 'pnpm', 'yarn', 'bun', 'go', 'git', 'cargo', 'make', 'docker', 'kubectl', 'python', 'uv', 'deno', 'npx', 'gh'].includes(words[0] ?? '')
  return words.slice(0, two ? 2 : 1).join(' ')
}

export const isPlainCommand = (command: string) => !/[;&|<>`$()\n]/.test(command)
