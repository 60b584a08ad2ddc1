import { api } from '@/api/hub'
import { errorText } from '@/api/client'
import type { Export } from '@/api/hub'
import type { Session, SessionSummary } from '@/api/types'
import { useT, type Key } from '@/i18n'
import { keys } from '@/live/live'
import { useLive } from '@/live/hooks'
import { save } from '@/ui/save'
import { showToast } from '@/ui/toast'
import { copyText } from '@/ui/copy'
import { titleOf } from '@/model/session'
import { toMarkdown, exportName } from './export'

/** What can be done with a session as a whole. Each says what went wrong, if it did. */
export function useSessionActions() {
  const { hub, queries } = useLive()
  const t = useT()

  async function attempt<T>(failed: Key, work: () => Promise<T>): Promise<T | null> {
    try {
      return await work()
    } catch (error) {
      showToast({ text: t(failed), detail: errorText(error) })
      return null
    } finally {
      void queries.invalidateQueries({ queryKey: keys.sessions })
    }
  }

  return {
    rename: (id: string, name: string) => attempt('menu.renameFailed', () => api.rename(hub, id, name)),
    archive: (id: string) => attempt('menu.archiveFailed', () => api.archive(hub, id)),
    remove: (id: string) => attempt('menu.deleteFailed', () => api.remove(hub, id)),
    reopen: (id: string) => attempt('menu.reopenFailed', () => api.reopen(hub, id)).then((r) => r?.sessionId ?? null),
    pin: (id: string, mode: 'none' | 'project' | 'global') => attempt('menu.pinFailed', () => api.pin(hub, id, mode)),
    abort: (id: string) => attempt('menu.abortFailed', () => api.abort(hub, id)),
    takeOver: (id: string) => attempt('menu.takeOverFailed', () => api.takeOver(hub, id)),
    copyReference: async (s: SessionSummary | Session) => {
      const text = t('menu.reference', { title: titleOf({ ...s, metadata: s.metadata as SessionSummary['metadata'] }).slice(0, 120), path: `/sessions/${s.id}` })
      if (await copyText(text)) showToast({ text: t('common.copied') })
    },
    exportAs: (id: string, format: 'json' | 'md') =>
      attempt('menu.exportFailed', async () => {
        let answer = await api.export(hub, id, false)
        if ('type' in answer) answer = await api.export(hub, id, true)
        if ('type' in answer) return
        download(answer, format)
      }),
  }
}

function download(data: Export, format: 'json' | 'md') {
  const text = format === 'json' ? JSON.stringify(data, null, 2) : toMarkdown(data)
  save(exportName(data, format), text, format === 'json' ? 'application/json' : 'text/markdown')
}
