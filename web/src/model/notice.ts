/** What a notification says, in the person's language. Pure. */
import type { NoticeParams } from '@/api/types'
import type { Translate } from '@/i18n/translator'

export type NoticeType = 'permission-request' | 'ready' | 'task-notification'

export interface Notice {
  /** What happened, then to whom. */
  title: string
  session: string
  detail: string
}

/** Null for a kind that a newer hub may add; its own words are said then. */
export function noticeOf(type: string | undefined, p: NoticeParams | undefined, t: Translate): Notice | null {
  if (!p) return null
  switch (type as NoticeType | undefined) {
    case 'permission-request':
      return { title: t('notice.needsYou'), session: p.session, detail: p.tool ? t('need.tool', { tool: p.tool }) : '' }
    case 'ready':
      return { title: t('notice.ready'), session: p.session, detail: t('notice.readyDetail', { agent: p.agent }) }
    case 'task-notification':
      return { title: t(p.failed ? 'notice.taskFailed' : 'notice.taskDone'), session: p.session, detail: p.summary ?? '' }
    default:
      return null
  }
}
