/** An answer given on a notification: exactly what the app would post, as the person this device belongs to. */
import { api } from '@/api/hub'
import { Hub, HubError, errorText } from '@/api/client'
import { allow, deny } from '@/features/answer-request/decision'
import type { Device } from '@/live/device'
import { speaker, type Carried, type Spoken } from './notice'

export type Verb = 'allow' | 'deny'
export const isVerb = (action: string): action is Verb => action === 'allow' || action === 'deny'

/** Null when the hub took it, else what to tell the person. */
export async function answer(device: Device, notification: { title: string; tag?: string; carried: Carried; actions?: Spoken['options']['actions'] }, verb: Verb): Promise<Spoken | null> {
  const { carried } = notification
  const { sessionId, ask } = carried
  if (!sessionId || !ask) return null
  const hub = new Hub({ base: device.base, accessToken: device.accessToken })
  const about = { flavor: ask.flavor, tool: ask.tool, input: undefined }
  const given = verb === 'allow' ? allow(about, null) : deny(about)
  try {
    await (given.verb === 'approve' ? api.approve(hub, sessionId, ask.requestId, given.body) : api.deny(hub, sessionId, ask.requestId, given.body))
    return null
  } catch (error) {
    const t = speaker(device)
    const gone = error instanceof HubError && error.status === 404
    return {
      title: notification.title,
      options: {
        body: gone ? t('notice.gone') : t('ask.failed', { error: error instanceof HubError && error.unreachable ? t('notice.unreachable') : errorText(error) }),
        icon: '/icon-192.png',
        badge: '/icon-192.png',
        ...(notification.tag ? { tag: notification.tag, renotify: true } : {}),
        requireInteraction: !gone,
        // It can be tried again from here.
        ...(!gone && notification.actions ? { actions: notification.actions } : {}),
        data: gone ? { ...carried, ask: null } : carried,
      },
    }
  }
}
