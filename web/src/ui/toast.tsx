import { useSyncExternalStore, type ReactNode } from 'react'
import { Button } from './Button'

interface Shown {
  id: number
  text: string
  detail?: string
  action?: { label: string; run(): void }
}

let shown: readonly Shown[] = []
let next = 1
const listeners = new Set<() => void>()
const set = (list: readonly Shown[]) => {
  shown = list
  for (const tell of listeners) tell()
}

export function showToast(toast: Omit<Shown, 'id'>, ms = 6000) {
  const id = next++
  set([...shown.slice(-2), { ...toast, id }])
  setTimeout(() => hideToast(id), ms)
}

export function hideToast(id: number) {
  set(shown.filter((t) => t.id !== id))
}

export function Toasts(): ReactNode {
  const list = useSyncExternalStore(
    (tell) => {
      listeners.add(tell)
      return () => listeners.delete(tell)
    },
    () => shown,
  )
  return (
    <div role="status" aria-live="polite" className="pointer-events-none fixed inset-x-0 bottom-24 z-50 flex flex-col items-center gap-2 px-3 wide:bottom-6">
      {list.map((t) => (
        <div key={t.id} className="pointer-events-auto flex max-w-md animate-in items-center gap-3 rounded-m border border-line bg-raised py-1.5 pr-1.5 pl-4 text-s shadow-xl">
          <div className="min-w-0 flex-1 py-1.5">
            <p className="font-medium">{t.text}</p>
            {t.detail ? <p className="truncate text-ink-2">{t.detail}</p> : null}
          </div>
          {t.action ? (
            <Button
              look="quiet"
              className="text-accent!"
              onClick={() => {
                hideToast(t.id)
                t.action?.run()
              }}
            >
              {t.action.label}
            </Button>
          ) : null}
        </div>
      ))}
    </div>
  )
}
