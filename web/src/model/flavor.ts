import type { PermissionMode } from '@/api/types'

export interface Flavor {
  id: string
  label: string
  letter: string
  modes: readonly PermissionMode[]
  /** The mode that asks for nothing. */
  yolo: PermissionMode | null
  /** Whether the mode of a new session is sent as such or as a yolo flag. */
  spawnsWith: 'mode' | 'yolo' | 'nothing'
  model: 'static' | 'machine' | 'directory' | 'none'
  effort: 'effort' | 'reasoning' | 'none'
  efforts: readonly string[]
  models: readonly string[]
  creatable: boolean
}

const codexModes = ['default', 'read-only', 'safe-yolo', 'yolo'] as const

function flavor(id: string, label: string, letter: string, rest: Partial<Flavor>): Flavor {
  return { id, label, letter, modes: [], yolo: null, spawnsWith: 'mode', model: 'none', effort: 'none', efforts: [], models: [], creatable: true, ...rest }
}

const claude = flavor('claude', 'Claude', 'C', {
  modes: ['default', 'acceptEdits', 'auto', 'bypassPermissions', 'plan'],
  yolo: 'bypassPermissions',
  spawnsWith: 'yolo',
  model: 'static',
  models: ['sonnet', 'sonnet[1m]', 'opus', 'opus[1m]', 'haiku', 'fable', 'fable[1m]'],
  effort: 'effort',
  efforts: ['low', 'medium', 'high', 'xhigh', 'max'],
})

export const flavors: readonly Flavor[] = [
  claude,
  flavor('codex', 'Codex', 'X', { modes: codexModes, yolo: 'yolo', model: 'machine', effort: 'reasoning', efforts: ['low', 'medium', 'high', 'xhigh', 'max'] }),
  flavor('gemini', 'Gemini', 'G', { modes: codexModes, yolo: 'yolo', model: 'directory' }),
  flavor('opencode', 'OpenCode', 'O', { modes: ['default', 'plan', 'yolo'], yolo: 'yolo', model: 'directory', effort: 'reasoning', efforts: ['low', 'medium', 'high'] }),
  flavor('cursor', 'Cursor', 'U', { modes: ['default', 'plan', 'ask', 'debug', 'autoReview', 'yolo'], yolo: 'yolo', spawnsWith: 'yolo', model: 'machine' }),
  flavor('copilot', 'Copilot', 'P', { modes: codexModes, yolo: 'yolo', model: 'directory' }),
  flavor('grok', 'Grok Build', 'K', { modes: ['default', 'auto', 'plan', 'bypassPermissions'], yolo: 'bypassPermissions', model: 'directory', effort: 'effort', efforts: ['low', 'medium', 'high'] }),
  flavor('kimi', 'Kimi', 'M', { modes: codexModes, yolo: 'yolo' }),
  flavor('agy', 'Antigravity', 'A', { modes: ['request-review', 'always-proceed'], yolo: 'always-proceed', spawnsWith: 'yolo', model: 'machine' }),
  flavor('pi', 'Pi', 'π', { spawnsWith: 'yolo', model: 'machine', effort: 'effort', efforts: ['low', 'medium', 'high'] }),
  flavor('dsh', 'DeepSeek Harness', 'D', { spawnsWith: 'nothing' }),
]

const byId = new Map(flavors.map((f) => [f.id, f]))

/** An agent nobody knows yet is treated as Claude is, but keeps its own name. */
export function flavorOf(id: string | null | undefined): Flavor {
  if (!id) return claude
  return byId.get(id) ?? { ...claude, id, label: id.charAt(0).toUpperCase() + id.slice(1), letter: id.charAt(0).toUpperCase(), model: 'none', models: [], effort: 'none', efforts: [], creatable: true }
}

const codexStyle = new Set(['codex', 'gemini', 'grok', 'kimi', 'copilot', 'opencode', 'cursor'])
const codexTools = ['Codex', 'Gemini', 'OpenCode', 'Copilot', 'Cursor']

export type AnswerStyle = 'claude' | 'decision' | 'mixed'

/** How this agent wants its answers: as tools to allow, as a decision word, or each a little. */
export function answerStyle(flavorId: string | null | undefined, tool: string): AnswerStyle {
  if (codexTools.some((name) => tool.startsWith(name))) return 'decision'
  const id = flavorId ?? 'claude'
  if (codexStyle.has(id)) return 'decision'
  return id === 'claude' ? 'claude' : 'mixed'
}

export type Freedom = 'nothing' | 'reads' | 'edits' | 'most' | 'plan' | 'all'

/** A permission mode as what the agent may do without asking. */
export function freedomOf(mode: PermissionMode | undefined): Freedom {
  switch (mode) {
    case 'acceptEdits':
      return 'edits'
    case 'plan':
      return 'plan'
    case 'bypassPermissions':
    case 'yolo':
    case 'always-proceed':
      return 'all'
    case 'auto':
    case 'safe-yolo':
    case 'autoReview':
      return 'most'
    case 'read-only':
    case 'ask':
      return 'reads'
    default:
      return 'nothing'
  }
}

const freedoms: readonly Freedom[] = ['nothing', 'reads', 'edits', 'plan', 'most', 'all']
const mostChoices = 4

/** One mode for each degree of freedom, the least first; what is between most and all is left to the running session. */
export function freedomChoices(modes: readonly PermissionMode[]): PermissionMode[] {
  const one = freedoms.flatMap((f) => modes.find((m) => freedomOf(m) === f) ?? [])
  return one.length > mostChoices ? one.filter((m) => freedomOf(m) !== 'most') : one
}

/** "claude-sonnet-4-5-20250929" as people call it. */
export function shortModel(model: string): string {
  const short = model.replace(/^claude-/, '').replace(/-\d{8}$/, '')
  return short.charAt(0).toUpperCase() + short.slice(1)
}

const claudeWindow = (model: string | null | undefined) => (model && (/\[1m\]/.test(model) || model.includes('fable')) ? 1_000_000 : 200_000)

/** Tokens that fit, less what the agent keeps for itself; null when nobody knows. */
export function contextWindow(flavorId: string | null | undefined, model: string | null | undefined, reported?: number | null): number | null {
  const known: Record<string, number> = { claude: claudeWindow(model), codex: 258_400, pi: 200_000 }
  const size = reported ?? known[flavorId ?? 'claude'] ?? null
  return size === null ? null : size - 10_000
}
