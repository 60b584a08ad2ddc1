import { useEffect } from 'react'
import type { SessionSummary } from '@/api/types'
import { useT } from '@/i18n'

/** How many wait for the person, in the title and on the app's icon. */
export function useAttention(sessions: SessionSummary[] | undefined) {
  const t = useT()
  const waiting = sessions?.filter((s) => s.active && s.pendingRequestsCount > 0).length ?? 0
  useEffect(() => {
    document.title = waiting > 0 ? `(${waiting}) ${t('app.name')}` : t('app.name')
    if ('setAppBadge' in navigator) void (waiting > 0 ? navigator.setAppBadge(waiting) : navigator.clearAppBadge()).catch(() => {})
  }, [waiting, t])
}
