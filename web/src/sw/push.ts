/** What a push says, as a notification. */

export interface PushPayload {
  title: string
  body?: string
  icon?: string
  badge?: string
  tag?: string
  data?: { type?: string; sessionId?: string; url?: string }
}

export const shellName = (build: string) => `hapi-shell-${build}`

export function notificationOf(p: PushPayload): { title: string; options: NotificationOptions & { renotify?: boolean } } {
  const waits = p.data?.type === 'permission-request'
  return {
    title: p.title,
    options: {
      body: p.body ?? '',
      icon: p.icon ?? '/icon-192.png',
      badge: p.badge ?? '/icon-192.png',
      ...(p.tag ? { tag: p.tag, renotify: true } : {}),
      // Only what waits for the person stays until they look.
      requireInteraction: waits,
      data: { url: p.data?.url ?? (p.data?.sessionId ? `/sessions/${p.data.sessionId}` : '/sessions') },
    },
  }
}
