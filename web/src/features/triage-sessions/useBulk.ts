import { useCallback, useSyncExternalStore } from 'react'
import { api } from '@/api/hub'
import { errorText, type Hub } from '@/api/client'
import { useT, type CountKey, type Translate } from '@/i18n'
import { showToast } from '@/ui/toast'

/** How long a person may change their mind. */
const undoFor = 6000

interface Pending {
  ids: readonly string[]
  run(): void
  timer: ReturnType<typeof setTimeout>
}

// Outlives the list, which comes and goes on a phone.
let hidden: ReadonlySet<string> = new Set()
const pending = new Set<Pending>()
const listeners = new Set<() => void>()

function setHidden(next: ReadonlySet<string>) {
  hidden = next
  for (const tell of listeners) tell()
}

const show = (ids: readonly string[]) => setHidden(new Set([...hidden].filter((id) => !ids.includes(id))))

function subscribe(tell: () => void) {
  listeners.add(tell)
  return () => listeners.delete(tell)
}

/** Leaving the page lets happen what was asked for. */
function flush() {
  for (const p of pending) {
    clearTimeout(p.timer)
    p.run()
  }
  pending.clear()
}
window.addEventListener('pagehide', flush)

/**
 * Archiving and deleting hide rows at once and happen a moment later, so that
 * undo is exact.
 */
export function useBulk(act: (id: string) => Promise<unknown>) {
  const t = useT()
  const gone = useSyncExternalStore(subscribe, () => hidden)
  const start = useCallback(
    (ids: readonly string[], text: CountKey) => {
      setHidden(new Set([...hidden, ...ids]))
      const work = async () => {
        const failures: string[] = []
        await Promise.all(ids.map((id) => act(id).catch((error: unknown) => failures.push(errorText(error)))))
        show(ids)
        if (failures[0] !== undefined) showToast({ text: t.count('bulk.failed', failures.length), detail: failures[0] })
      }
      const entry: Pending = {
        ids,
        run: () => void work(),
        timer: setTimeout(() => {
          pending.delete(entry)
          void work()
        }, undoFor),
      }
      pending.add(entry)
      const undo = () => {
        clearTimeout(entry.timer)
        if (pending.delete(entry)) show(ids)
      }
      showToast({ text: t.count(text, ids.length), action: { label: t('common.undo'), run: undo } }, undoFor)
    },
    [act, t],
  )
  return { hidden: gone, start }
}

/** Pins several at the top, or lets them go; the list follows by itself. */
export async function pinAll(hub: Hub, ids: readonly string[], mode: 'global' | 'none', t: Translate) {
  const failures: string[] = []
  await Promise.all(ids.map((id) => api.pin(hub, id, mode).catch((error: unknown) => failures.push(errorText(error)))))
  if (failures[0] !== undefined) showToast({ text: t.count('bulk.failed', failures.length), detail: failures[0] })
}
