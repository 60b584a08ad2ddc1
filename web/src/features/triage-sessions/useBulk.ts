import { useCallback, useEffect, useRef, useState } from 'react'
import { errorText } from '@/api/client'
import { useT, type CountKey } from '@/i18n'
import { showToast } from '@/ui/toast'

/** How long a person may change their mind. */
const undoFor = 6000

interface Pending {
  ids: string[]
  run: () => Promise<void>
  timer: ReturnType<typeof setTimeout>
}

/**
 * Archiving and deleting hide rows at once and happen a moment later, so that
 * undo is exact. Leaving the page lets what was asked for happen.
 */
export function useBulk(act: (id: string) => Promise<unknown>) {
  const t = useT()
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set())
  const pending = useRef(new Set<Pending>())

  const show = useCallback((ids: string[]) => setHidden((before) => new Set([...before].filter((id) => !ids.includes(id)))), [])

  useEffect(() => {
    const all = pending.current
    const flush = () => {
      for (const p of all) {
        clearTimeout(p.timer)
        void p.run()
      }
      all.clear()
    }
    window.addEventListener('pagehide', flush)
    return () => {
      window.removeEventListener('pagehide', flush)
      flush()
    }
  }, [])

  const start = useCallback(
    (ids: string[], text: CountKey) => {
      setHidden((before) => new Set([...before, ...ids]))
      const run = async () => {
        const failed: string[] = []
        let reason = ''
        for (const id of ids) {
          try {
            await act(id)
          } catch (error) {
            failed.push(id)
            reason = errorText(error)
          }
        }
        show(ids)
        if (failed.length > 0) showToast({ text: t.count('bulk.failed', failed.length), detail: reason })
      }
      const entry: Pending = {
        ids,
        run,
        timer: setTimeout(() => {
          pending.current.delete(entry)
          void run()
        }, undoFor),
      }
      pending.current.add(entry)
      showToast(
        {
          text: t.count(text, ids.length),
          action: {
            label: t('common.undo'),
            run: () => {
              clearTimeout(entry.timer)
              pending.current.delete(entry)
              show(ids)
            },
          },
        },
        undoFor,
      )
    },
    [act, show, t],
  )
  return { hidden, start }
}
