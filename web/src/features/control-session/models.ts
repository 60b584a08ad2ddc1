/** The models a session's agent can be given. */
import { queryOptions } from '@tanstack/react-query'
import { api, type ModelCatalogue } from '@/api/hub'
import type { Hub } from '@/api/client'
import type { Session } from '@/api/types'
import type { Translate } from '@/i18n'
import { shortModel, type Flavor } from '@/model/flavor'

/** Stands for "as the agent likes" in menus; the hub is told null. */
export const auto = 'auto'

export const modelsQuery = (hub: Hub, session: Session, flavor: Flavor) => queryOptions({ queryKey: ['models', session.id], queryFn: () => api.sessionModels(hub, session.id, flavor.id), staleTime: 60_000 })

export const modelName = (model: string | null | undefined, t: Translate) => (model ? shortModel(model) : t('model.default'))

/** Those known beforehand, or else those its machine told of; the present one is always among them. */
export function modelChoices(session: Session, flavor: Flavor, told: ModelCatalogue | undefined, t: Translate): { value: string; label: string }[] {
  const listed = flavor.models.length > 0 ? flavor.models.map((m) => ({ value: m, label: modelName(m, t) })) : [...(told?.availableModels ?? []).map((m) => ({ value: m.modelId, label: m.name ?? m.modelId })), ...(told?.models ?? []).map((m) => ({ value: m.id, label: m.displayName ?? m.id }))]
  const model = session.model ?? auto
  const choices = [{ value: auto, label: t('model.default') }, ...listed]
  if (!choices.some((m) => m.value === model)) choices.push({ value: model, label: modelName(model, t) })
  return choices
}

/** The choice after the present one, around the corner; null when there is nothing to choose. */
export function nextModel(session: Session, choices: readonly { value: string; label: string }[]): { value: string; label: string } | null {
  const at = choices.findIndex((m) => m.value === (session.model ?? auto))
  return choices.length > 1 ? (choices[(at + 1) % choices.length] ?? null) : null
}
