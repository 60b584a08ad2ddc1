import { api } from '@/api/hub'
import { errorText } from '@/api/client'
import type { Session } from '@/api/types'
import { useT } from '@/i18n'
import { useLive } from '@/live/hooks'
import type { Flavor } from '@/model/flavor'
import { showToast } from '@/ui/toast'
import { auto, modelChoices, modelsQuery, nextModel } from './models'

/** Gives the session's agent the model after the present one; null where there is none to choose. */
export function useNextModel(session: Session, flavor: Flavor): (() => Promise<void>) | null {
  const { hub, queries } = useLive()
  const t = useT()
  if (!session.active || flavor.model === 'none' || flavor.id === 'pi') return null
  return async () => {
    try {
      const told = flavor.models.length > 0 ? undefined : await queries.fetchQuery(modelsQuery(hub, session, flavor))
      const next = nextModel(session, modelChoices(session, flavor, told, t))
      if (!next) return
      await api.setModel(hub, session.id, next.value === auto ? null : next.value)
      showToast({ text: t('control.modelNow', { model: next.label }) }, 2000)
    } catch (failure) {
      showToast({ text: t('control.failed'), detail: errorText(failure) })
    }
  }
}
