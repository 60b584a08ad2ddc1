import { useQuery } from '@tanstack/react-query'
import { ChevronDown } from 'lucide-react'
import { useState, type ComponentProps } from 'react'
import { api } from '@/api/hub'
import { errorText } from '@/api/client'
import type { PermissionMode, Session } from '@/api/types'
import { useT, type Key, type Translate } from '@/i18n'
import { useLive } from '@/live/hooks'
import { flavorOf, freedomOf, type Flavor } from '@/model/flavor'
import { Menu, MenuChoices, MenuLabel } from '@/ui/Menu'
import { showToast } from '@/ui/toast'
import { cx } from '@/ui/cx'
import { auto, modelChoices, modelName, modelsQuery } from './models'

const names: Partial<Record<PermissionMode, Key>> = {
  default: 'mode.default',
  acceptEdits: 'mode.acceptEdits',
  auto: 'mode.auto',
  bypassPermissions: 'mode.all',
  plan: 'mode.plan',
  'read-only': 'mode.readOnly',
  'safe-yolo': 'mode.safe',
  yolo: 'mode.all',
  'request-review': 'mode.default',
  'always-proceed': 'mode.all',
  ask: 'mode.ask',
  debug: 'mode.debug',
  autoReview: 'mode.autoReview',
}

export const modeName = (mode: PermissionMode, t: Translate) => {
  const key = names[mode]
  return key ? t(key) : mode
}

/** What can be changed while the agent runs: how free it is, and with which model it thinks. */
export function Controls({ session }: { session: Session }) {
  const t = useT()
  const { hub } = useLive()
  const flavor = flavorOf((session.metadata as { flavor?: string | null } | null)?.flavor)
  const mode = currentMode(session)

  async function set(work: Promise<unknown>) {
    try {
      await work
    } catch (error) {
      showToast({ text: t('control.failed'), detail: errorText(error) })
    }
  }

  return (
    <>
      {flavor.modes.length > 0 ? (
        <Menu align="start" trigger={<Trigger label={t('control.mode')} danger={freedomOf(mode) === 'all'} text={modeName(mode, t)} />}>
          <MenuLabel>{t('control.freedom')}</MenuLabel>
          <MenuChoices
            value={mode}
            onChange={(next) => void set(api.setPermissionMode(hub, session.id, next as PermissionMode))}
            choices={flavor.modes.map((m) => ({ value: m, label: modeName(m, t), hint: t(`freedom.${freedomOf(m)}` as Key), danger: freedomOf(m) === 'all' }))}
          />
        </Menu>
      ) : null}
      {flavor.model !== 'none' && session.active ? <ModelMenu session={session} flavor={flavor} set={set} /> : null}
    </>
  )
}

export function currentMode(session: Session): PermissionMode {
  const flavor = flavorOf((session.metadata as { flavor?: string | null } | null)?.flavor)
  return session.permissionMode ?? (session.metadata as { preferredPermissionMode?: PermissionMode } | null)?.preferredPermissionMode ?? flavor.modes[0] ?? 'default'
}

export function nextMode(session: Session): PermissionMode | null {
  const modes = flavorOf((session.metadata as { flavor?: string | null } | null)?.flavor).modes
  const at = modes.indexOf(currentMode(session))
  return modes[(at + 1) % modes.length] ?? null
}

function Trigger({ label, text, danger, ...rest }: { label: string; text: string; danger?: boolean } & ComponentProps<'button'>) {
  return (
    <button type="button" aria-label={`${label}: ${text}`} className={cx('flex h-10 shrink-0 items-center gap-1 rounded-m px-2 text-s font-medium whitespace-nowrap hover:bg-sunken touch:h-11', danger ? 'text-bad' : 'text-ink-2 hover:text-ink')} {...rest}>
      {text}
      <ChevronDown className="size-3.5" />
    </button>
  )
}

interface ModelMenuProps {
  session: Session
  flavor: Flavor
  set(work: Promise<unknown>): Promise<void>
}

function ModelMenu({ session, flavor, set }: ModelMenuProps) {
  const t = useT()
  const { hub } = useLive()
  const [asked, setAsked] = useState(false)
  const { data } = useQuery({ ...modelsQuery(hub, session, flavor), enabled: asked && flavor.models.length === 0 })
  const models = modelChoices(session, flavor, data, t)
  const model = session.model ?? auto
  const effort = (flavor.effort === 'reasoning' ? session.modelReasoningEffort : session.effort) ?? auto
  const label = models.find((m) => m.value === model)?.label ?? modelName(session.model, t)
  const onEffort = (e: string) => void set((flavor.effort === 'reasoning' ? api.setReasoningEffort : api.setEffort)(hub, session.id, e === auto ? null : e))
  return (
    <span className="contents" onPointerEnter={() => setAsked(true)} onFocus={() => setAsked(true)}>
      <Menu align="start" trigger={<Trigger label={t('control.model')} text={effort === auto ? label : `${label} · ${effort}`} />}>
        <MenuLabel>{t('control.model')}</MenuLabel>
        <MenuChoices value={model} choices={models} onChange={(m) => void set(api.setModel(hub, session.id, m === auto ? null : m))} />
        {flavor.efforts.length > 0 ? (
          <>
            <MenuLabel>{t('control.effort')}</MenuLabel>
            <MenuChoices value={effort} choices={[{ value: auto, label: t('model.default') }, ...flavor.efforts.map((e) => ({ value: e, label: e }))]} onChange={onEffort} />
          </>
        ) : null}
        {flavor.id === 'codex' ? (
          <>
            <MenuLabel>{t('control.speed')}</MenuLabel>
            <MenuChoices value={session.serviceTier === 'fast' ? 'fast' : 'standard'} choices={[{ value: 'standard', label: t('speed.standard') }, { value: 'fast', label: t('speed.fast') }]} onChange={(tier) => void set(api.setServiceTier(hub, session.id, tier === 'fast' ? 'fast' : 'standard'))} />
            <MenuLabel>{t('control.work')}</MenuLabel>
            <MenuChoices value={session.collaborationMode === 'plan' ? 'plan' : 'default'} choices={[{ value: 'default', label: t('work.does') }, { value: 'plan', label: t('work.plans') }]} onChange={(m) => void set(api.setCollaborationMode(hub, session.id, m))} />
          </>
        ) : null}
        {flavor.id === 'copilot' ? (
          <>
            <MenuLabel>{t('control.work')}</MenuLabel>
            <MenuChoices
              value={session.copilotAgentMode ?? 'interactive'}
              choices={[
                { value: 'interactive', label: t('work.does') },
                { value: 'plan', label: t('work.plans') },
                { value: 'autopilot', label: t('work.alone') },
              ]}
              onChange={(m) => void set(api.setCopilotAgentMode(hub, session.id, m))}
            />
          </>
        ) : null}
      </Menu>
    </span>
  )
}
