import type { SessionSummary } from '@/api/types'
import type { Key, Translate } from '@/i18n'
import type { Doing } from '@/live/activity'
import { isArchived } from '@/model/session'
import { hourMinute } from '@/model/time'
import type { ToolKind } from '@/model/tools'

const doing: Partial<Record<ToolKind, Key>> = {
  read: 'doing.read',
  search: 'doing.search',
  command: 'doing.command',
  edit: 'doing.edit',
  web: 'doing.web',
  agent: 'doing.agent',
}

/** A session's state as a sentence. */
export function stateLine(s: SessionSummary, activity: Doing | null, unread: boolean, t: Translate): string {
  const parts: string[] = []
  const worktree = (s.metadata?.worktree as { name?: string } | undefined)?.name
  if (s.active && s.thinking) {
    const key = activity ? doing[activity.kind] : undefined
    parts.push(key && activity ? t(key, { what: activity.subject }) : t('row.working'))
    if (s.todoProgress && s.todoProgress.completed < s.todoProgress.total) parts.push(t('row.step', { at: s.todoProgress.completed + 1, of: s.todoProgress.total }))
    return parts.join(t('common.comma'))
  }
  if (s.backgroundTaskCount > 0) return t.count('row.background', s.backgroundTaskCount)
  if (worktree) parts.push(t('row.worktree', { name: worktree }))
  if (s.nextScheduledAt) parts.push(t('row.scheduled', { time: hourMinute(s.nextScheduledAt, t) }))
  if (parts.length === 0) {
    if (isArchived(s)) parts.push(t('row.archived'))
    else if (unread) parts.push(t('row.unread'))
    else parts.push(s.active ? t('row.ready') : t('row.ended'))
  }
  if (s.todoProgress && s.todoProgress.completed < s.todoProgress.total && parts.length === 1) parts.push(t('row.todos', { done: s.todoProgress.completed, total: s.todoProgress.total }))
  return parts.join(t('common.comma'))
}
