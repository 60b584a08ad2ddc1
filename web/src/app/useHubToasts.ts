import { useEffect } from 'react'
import { useT, type Key } from '@/i18n'
import { useLive } from '@/live/hooks'
import { showToast } from '@/ui/toast'

const titles: Record<string, Key> = {
  'Permission Request': 'toast.permission',
  'Ready for input': 'toast.ready',
  'Task completed': 'toast.completed',
  'Task failed': 'toast.failed',
}

/** What the hub wants a visible person to know; not about what they are looking at. */
export function useHubToasts(currentId: string | undefined, open: (id: string) => void) {
  const live = useLive()
  const t = useT()
  useEffect(
    () =>
      live.onToast((toast) => {
        if (toast.sessionId === currentId) return
        const key = titles[toast.title]
        showToast({ text: key ? t(key) : toast.title, detail: toast.body, action: { label: t('toast.open'), run: () => open(toast.sessionId) } })
      }),
    [live, t, currentId, open],
  )
}
