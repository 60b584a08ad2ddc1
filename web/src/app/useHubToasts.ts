import { useEffect } from 'react'
import { useT } from '@/i18n'
import { useLive } from '@/live/hooks'
import { noticeOf } from '@/model/notice'
import { showToast } from '@/ui/toast'

/** What the hub wants a visible person to know; not about what they are looking at. */
export function useHubToasts(currentId: string | undefined, open: (id: string) => void) {
  const live = useLive()
  const t = useT()
  useEffect(
    () =>
      live.onToast((toast) => {
        if (toast.sessionId === currentId) return
        const said = noticeOf(toast.type, toast.params, t)
        showToast({
          text: said?.title ?? toast.title,
          detail: said ? [said.session, said.detail].filter(Boolean).join(' · ') : toast.body,
          action: { label: t('toast.open'), run: () => open(toast.sessionId) },
        })
      }),
    [live, t, currentId, open],
  )
}
