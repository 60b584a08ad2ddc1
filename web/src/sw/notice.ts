/** What a push says, as a notification of this device. Pure. */
import type { AgentRequest, NoticeParams, Session } from '@/api/types'
import { exactly, rowLine } from '@/features/answer-request/facts'
import type { Catalogue, Translate } from '@/i18n/translator'
import { translator } from '@/i18n/translator'
import type { Device } from '@/live/device'
import { noticeOf } from '@/model/notice'
import { homePath } from '@/model/session'
import { kindOf } from '@/model/tools'

export interface Push {
  title: string
  body?: string
  icon?: string
  badge?: string
  tag?: string
  data?: { type?: string; sessionId?: string; url?: string; requestId?: string; params?: NoticeParams }
}

/** What a notification carries, so that a tap on it can be acted upon. */
export interface Carried {
  url: string
  sessionId: string | null
  /** The request that its buttons answer. */
  ask: { requestId: string; flavor: string | null; tool: string } | null
}

export type Shown = NotificationOptions & { renotify?: boolean; actions?: { action: string; title: string }[]; data: Carried }

export interface Spoken {
  title: string
  options: Shown
}

/** The request itself, as the hub has it now. */
export interface Asked {
  request: AgentRequest
  flavor: string | null
  place: string
}

export function askedOf(session: Session, requestId: string): Asked | null {
  const request = session.agentState?.requests?.[requestId]
  const about = session.metadata as { flavor?: string | null; path?: string; homeDir?: string } | null
  return request ? { request, flavor: about?.flavor ?? null, place: homePath(about?.path ?? '', about?.homeDir) } : null
}

export const speaker = (device: Device): Translate => translator(device.language, device.words as Catalogue)

/** What fits on a notification; nobody allows what they cannot read there. */
const readable = 160

const icon = '/icon-192.png'

export function notificationOf(p: Push, device: Device | null, asked: Asked | null, now: Date): Spoken {
  const t = device ? speaker(device) : null
  const said = t ? noticeOf(p.data?.type, p.data?.params, t) : null
  const sessionId = p.data?.sessionId ?? null
  const waits = p.data?.type === 'permission-request'
  const quiet = device?.quiet ? isBetween(now, device.quiet) : false
  const options: Shown = {
    body: p.body ?? '',
    icon: p.icon ?? icon,
    badge: p.badge ?? icon,
    ...(p.tag ? { tag: p.tag, renotify: !quiet } : {}),
    silent: quiet,
    // Only what waits for the person stays until they look.
    requireInteraction: waits && !quiet,
    data: { url: p.data?.url ?? (sessionId ? `/sessions/${sessionId}` : '/sessions'), sessionId, ask: null },
  }
  if (!t || !said) return { title: p.title, options }
  if (device?.hide) return { title: said.title, options: { ...options, body: '' } }
  const title = t('notice.of', { what: said.title, session: said.session })
  options.body = said.detail
  if (!waits || !asked || !p.data?.requestId) return { title, options }

  const { request, flavor, place } = asked
  const kind = kindOf(request.tool)
  const words = exactly(request.tool, request.arguments)
  const line = rowLine(request.tool, request.arguments, place, t)
  options.body = words && kind !== 'plan' ? `${line}\n${words.slice(0, readable)}` : line
  // A question and a plan are answered where they can be read.
  if (kind === 'question' || kind === 'plan') return { title, options }
  options.data.ask = { requestId: p.data.requestId, flavor, tool: request.tool }
  const whole = words !== null && words.length <= readable && !words.includes('\n')
  options.actions = [...(whole ? [{ action: 'allow', title: t('ask.allow') }] : []), { action: 'deny', title: t('ask.deny') }]
  return { title, options }
}

/** Whether a time of day lies in a span that may go over midnight. */
function isBetween(now: Date, { from, to }: { from: string; to: string }): boolean {
  const at = `${String(now.getHours()).padStart(2, '0')}:${String(now.getMinutes()).padStart(2, '0')}`
  return from <= to ? from <= at && at < to : at >= from || at < to
}
