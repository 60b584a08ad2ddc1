/** Which answers a request can be given, and exactly what each one says to the hub. Pure. */
import type { Answers, Approval } from '@/api/types'
import { answerStyle } from '@/model/flavor'
import { commandOf, isPlainCommand, kindOf, prefixOf, ruleFor, type Question } from '@/model/tools'

export type Answer = { verb: 'approve'; body: Approval } | { verb: 'deny'; body: { decision?: 'denied' | 'abort'; reason?: string } }

export interface Ask {
  flavor: string | null | undefined
  tool: string
  input: unknown
}

/** What an approval may cover beyond this one call. */
export interface Scope {
  id: 'prefix' | 'exact' | 'tool' | 'edits' | 'session'
  /** The rule as it is shown, e.g. "npm run *"; empty when words say it. */
  rule: string
  body: Approval
}

export function scopesOf({ flavor, tool, input }: Ask): Scope[] {
  const kind = kindOf(tool)
  const style = answerStyle(flavor, tool)
  if (kind === 'plan' || kind === 'question') return []
  if (style === 'decision') return [{ id: 'session', rule: '', body: { decision: 'approved_for_session' } }]
  if (kind === 'edit') return style === 'claude' && ['Edit', 'MultiEdit', 'Write', 'NotebookEdit'].includes(tool) ? [{ id: 'edits', rule: '', body: { mode: 'acceptEdits' } }] : []
  if (style === 'mixed') return [{ id: 'session', rule: '', body: { decision: 'approved_for_session' } }]
  const command = tool === 'Bash' ? commandOf(input) : null
  if (command === null) return [{ id: 'tool', rule: tool, body: { allowTools: [tool] } }]
  const exact: Scope = { id: 'exact', rule: command.length > 60 ? `${command.slice(0, 59)}…` : command, body: { allowTools: [ruleFor(tool, input, false)] } }
  const prefix = prefixOf(command)
  if (!isPlainCommand(command) || prefix === command.trim()) return [exact]
  return [exact, { id: 'prefix', rule: `${prefix} *`, body: { allowTools: [ruleFor(tool, input, true)] } }]
}

export function allow(ask: Ask, scope: Scope | null): Answer {
  if (scope) return { verb: 'approve', body: scope.body }
  return { verb: 'approve', body: answerStyle(ask.flavor, ask.tool) === 'decision' && kindOf(ask.tool) !== 'plan' ? { decision: 'approved' } : {} }
}

/** A refusal: the agent goes on without, and reads the reason; with stop the turn ends. */
export function deny(ask: Ask, reason = '', stop = false): Answer {
  const why = reason.trim()
  const word = answerStyle(ask.flavor, ask.tool) === 'decision' && kindOf(ask.tool) !== 'plan'
  return { verb: 'deny', body: { ...(stop ? { decision: 'abort' } : word ? { decision: 'denied' } : {}), ...(why ? { reason: why } : {}) } }
}

export function approvePlan(mode: 'default' | 'acceptEdits' | null): Answer {
  return { verb: 'approve', body: mode ? { mode } : {} }
}

export interface Given {
  chosen: string[]
  text: string
}

export const isAnswered = (q: Question, g: Given | undefined) => !q.required || (g !== undefined && (g.chosen.length > 0 || g.text.trim() !== ''))

/** AskUserQuestion is answered by position, request_user_input by the question's id. */
export function answerQuestions(tool: string, questions: readonly Question[], given: readonly Given[]): Answer {
  const answers: Answers = {}
  questions.forEach((q, i) => {
    const g = given[i] ?? { chosen: [], text: '' }
    const text = g.text.trim()
    if (tool === 'request_user_input') {
      const words = q.options.length > 0 ? [...g.chosen, ...(text ? [`user_note: ${text}`] : [])] : text ? [text] : []
      answers[q.id] = { answers: words }
    } else answers[String(i)] = [...g.chosen, ...(text ? [text] : [])]
  })
  return { verb: 'approve', body: { answers } }
}
