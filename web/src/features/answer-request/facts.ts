import type { Key, Translate } from '@/i18n'
import { commandOf, kindOf, pathOf, planOf, questionsOf, resultText, subjectOf, toolLabel, type ToolKind } from '@/model/tools'

const questions: Partial<Record<ToolKind, Key>> = {
  command: 'ask.command',
  edit: 'ask.edit',
  read: 'ask.read',
  search: 'ask.search',
  web: 'ask.web',
  agent: 'ask.agent',
  plan: 'ask.plan',
}

/** The request as a question a person can answer. */
export function headline(tool: string, input: unknown, t: Translate): string {
  const kind = kindOf(tool)
  if (kind === 'question') {
    const asked = questionsOf(input)
    return asked.length > 1 ? t.count('ask.questions', asked.length) : t('ask.question')
  }
  const key = questions[kind]
  return key ? t(key) : t('ask.tool', { tool: toolLabel(tool) })
}

/** The same as half a sentence, for a row: "Run a command in ~/src/app". */
export function rowLine(tool: string, input: unknown, place: string, t: Translate): string {
  switch (kindOf(tool)) {
    case 'command':
      return t('need.command', { place })
    case 'edit':
      return t('need.edit', { file: subjectOf(tool, input) })
    case 'read':
      return t('need.read', { file: subjectOf(tool, input) })
    case 'plan':
      return t('need.plan')
    case 'question': {
      const [first, ...more] = questionsOf(input)
      return first ? (more.length > 0 ? t.count('need.questions', more.length + 1, { question: first.text }) : first.text) : t('need.question')
    }
    default:
      return t('need.tool', { tool: toolLabel(tool) })
  }
}

/** The exact thing that would happen, as the agent wrote it. */
export function exactly(tool: string, input: unknown): string | null {
  switch (kindOf(tool)) {
    case 'command':
      return commandOf(input)
    case 'read':
    case 'edit':
      return pathOf(input)
    case 'plan':
      return planOf(input) || null
    case 'question':
      return null
    default: {
      const subject = subjectOf(tool, input)
      if (subject) return subject
      const text = input === null || input === undefined ? '' : resultText(input)
      return text === '{}' || text === '' ? null : text
    }
  }
}
