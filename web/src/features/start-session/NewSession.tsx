import { useQuery } from '@tanstack/react-query'
import { ChevronDown, FolderOpen } from 'lucide-react'
import { useState } from 'react'
import { api } from '@/api/hub'
import type { PermissionMode } from '@/api/types'
import { useT, type Key } from '@/i18n'
import { useLive, useMachines, useSessions } from '@/live/hooks'
import { flavorOf, flavors, freedomChoices, freedomOf } from '@/model/flavor'
import { agentsOf, machineName } from '@/model/machine'
import { homePath, tail } from '@/model/session'
import { Avatar } from '@/ui/Avatar'
import { Button, IconButton } from '@/ui/Button'
import { Dialog } from '@/ui/Dialog'
import { Dot } from '@/ui/Dot'
import { Field, Segmented, Select, TextArea, TextInput } from '@/ui/Fields'
import { Failure, Notice, Skeleton } from '@/ui/States'
import { cx } from '@/ui/cx'
import { FolderPicker } from './FolderPicker'
import { recentFolders, useNewSession } from './useNewSession'

interface Props {
  wanted: { machineId?: string; directory?: string }
  /** There is room for the folders beside the form. */
  beside: boolean
  onStarted(id: string): void
}

const startRunner = 'hapi runner start'

export function NewSession({ wanted, beside, onStarted }: Props) {
  const t = useT()
  const { data: machines, isPending, error, refetch } = useMachines()
  if (isPending) return <Skeleton rows={5} label={t('common.loading')} />
  if (!machines) return <Failure title={t('new.machinesFailed')} error={error?.message ?? ''} retry={() => void refetch()} retryLabel={t('common.retry')} />
  if (machines.length === 0) {
    return (
      <Notice title={t('new.noMachine')} action={<Button onClick={() => void refetch()}>{t('common.retry')}</Button>}>
        {t('new.noMachineHint')} <code className="rounded-[4px] bg-sunken px-1">{startRunner}</code>
      </Notice>
    )
  }
  return <Form wanted={wanted} beside={beside} onStarted={onStarted} />
}

function Form({ wanted, beside, onStarted }: Props) {
  const t = useT()
  const { hub } = useLive()
  const { data: machines = [] } = useMachines()
  const { data: sessions = [] } = useSessions()
  const { form, change, start, busy, error, missing } = useNewSession(machines, sessions, wanted)
  const [picking, setPicking] = useState(false)
  const machine = machines.find((m) => m.id === form.machineId)
  const about = machine?.metadata as { homeDir?: string; workspaceRoots?: string[] } | null | undefined
  const home = about?.homeDir
  const roots = about?.workspaceRoots ?? []
  const flavor = flavorOf(form.agent)
  const recent = recentFolders(form.machineId, sessions)
  const probed = useQuery({
    queryKey: ['machine-models', form.machineId, form.agent, flavor.model === 'directory' ? form.directory : ''],
    queryFn: () => api.machineModels(hub, form.machineId, form.agent, flavor.model === 'directory' ? form.directory : undefined),
    enabled: (flavor.model === 'machine' || flavor.model === 'directory') && form.directory !== '',
    retry: 0,
    staleTime: 60_000,
  })
  const models = flavor.models.length > 0 ? flavor.models.map((m) => [m, m] as const) : [...(probed.data?.availableModels ?? []).map((m) => [m.modelId, m.name ?? m.modelId] as const), ...(probed.data?.models ?? []).map((m) => [m.id, m.displayName ?? m.id] as const)]
  const submit = () => void start().then((id) => (id === null ? undefined : onStarted(id)))
  const expand = (path: string) => (home && path.startsWith('~') ? home + path.slice(1) : path)
  const spawnError = (machine?.runnerState as { lastSpawnError?: { message?: string } | null } | null | undefined)?.lastSpawnError?.message
  const freedoms = freedomChoices(flavor.modes)

  return (
    <div className="flex min-h-0 flex-1">
      <form
        className="flex min-h-0 min-w-0 flex-1 flex-col"
        onSubmit={(e) => {
          e.preventDefault()
          submit()
        }}
        onKeyDown={(e) => {
          if (e.key === 'Enter' && (e.metaKey || e.ctrlKey)) submit()
        }}
      >
        <div className="quiet-scroll min-h-0 flex-1 overflow-y-auto">
          <div className="mx-auto flex max-w-xl flex-col gap-4 px-4 py-3">
            <Field label={t('new.machine')} hint={spawnError ? t('new.lastError', { error: spawnError }) : null}>
              {(id, described) => (
                <span className="relative block">
                  <Dot tone="good" className="pointer-events-none absolute top-1/2 left-3 z-10 -translate-y-1/2" />
                  <Select id={id} aria-describedby={described} value={form.machineId} onChange={(e) => change({ machineId: e.target.value })} className="[&_select]:pl-8">
                    {machines.map((m) => (
                      <option key={m.id} value={m.id}>
                        {machineName(m)}
                      </option>
                    ))}
                  </Select>
                </span>
              )}
            </Field>
            <div>
              <Field label={t('new.folder')} error={missing === null ? null : t('new.missing', { folder: homePath(missing, home) })}>
                {(id, described) => (
                  <span className="relative block">
                    <TextInput id={id} aria-describedby={described} autoCapitalize="off" autoCorrect="off" spellCheck={false} className="pr-12 font-mono text-s!" value={homePath(form.directory, home)} onChange={(e) => change({ directory: expand(e.target.value) })} />
                    {beside ? null : (
                      <IconButton label={t('folder.browse')} className="absolute! top-0 right-0" onClick={() => setPicking(true)}>
                        <FolderOpen />
                      </IconButton>
                    )}
                  </span>
                )}
              </Field>
              {recent.length > 0 ? (
                <div role="group" aria-label={t('new.recent')} className="mt-2 flex flex-wrap gap-1.5">
                  {recent.slice(0, 5).map((path) => (
                    <button
                      key={path}
                      type="button"
                      title={homePath(path, home)}
                      aria-pressed={path === form.directory}
                      onClick={() => change({ directory: path })}
                      className={cx('rounded-full border px-3 py-[5px] text-s leading-[18px] font-medium touch:py-2', path === form.directory ? 'border-transparent bg-ink text-surface' : 'border-line text-ink-2 hover:text-ink')}
                    >
                      {tail(path, 1)}
                    </button>
                  ))}
                </div>
              ) : null}
            </div>
            <div>
              <p className="mb-1 text-s font-medium text-ink-2">{t('new.workIn')}</p>
              <Segmented
                label={t('new.workIn')}
                value={form.worktree ? 'worktree' : 'here'}
                options={[
                  { value: 'here', label: t('new.thisFolder') },
                  { value: 'worktree', label: t('new.worktree') },
                ]}
                onChange={(v) => change({ worktree: v === 'worktree' })}
              />
              {form.worktree ? <TextInput className="mt-2" value={form.worktreeName} onChange={(e) => change({ worktreeName: e.target.value })} aria-label={t('new.worktreeName')} placeholder={t('new.worktreeName')} /> : null}
            </div>
            <fieldset>
              <legend className="mb-1 text-s font-medium text-ink-2">{t('new.agent')}</legend>
              <div className="grid grid-cols-2 gap-2">
                {agentsOf(machine, flavors).map((f) => (
                  <label key={f.id} className={cx('flex h-12 cursor-pointer items-center gap-2.5 rounded-m border bg-raised px-3 text-m font-medium has-focus-visible:outline-2 has-focus-visible:outline-accent', f.id === form.agent ? 'border-accent ring-1 ring-accent' : 'border-line hover:bg-sunken')}>
                    <input type="radio" name="agent" className="sr-only" checked={f.id === form.agent} onChange={() => change({ agent: f.id })} />
                    <Avatar small letter={f.letter} />
                    <span className="truncate">{f.label}</span>
                  </label>
                ))}
              </div>
            </fieldset>
            {flavor.modes.length > 0 ? (
              <div>
                <p className="mb-1 text-s font-medium text-ink-2">{t('control.mode')}</p>
                <Segmented<PermissionMode> label={t('control.mode')} value={freedoms.includes(form.mode) ? form.mode : (freedoms[0] ?? 'default')} options={freedoms.map((m) => ({ value: m, label: t(`free.${freedomOf(m)}` as Key), danger: freedomOf(m) === 'all' }))} onChange={(mode) => change({ mode })} />
                {freedomOf(form.mode) === 'all' ? <p className="mt-1 text-s text-bad">{t('new.dangerous')}</p> : null}
              </div>
            ) : flavor.spawnsWith === 'yolo' || flavor.spawnsWith === 'nothing' ? (
              <p className="text-s text-ink-2">{t('new.managed', { agent: flavor.label })}</p>
            ) : null}
            {flavor.model !== 'none' || flavor.efforts.length > 0 ? (
              <details className="group">
                <summary className="flex min-h-9 list-none items-center gap-1 text-s font-medium text-ink-2 hover:text-ink">
                  {t('new.modelAndEffort')}
                  <ChevronDown className="size-4 transition-transform group-open:rotate-180" />
                </summary>
                <div className="mt-1 grid grid-cols-2 gap-2">
                  {flavor.model === 'none' ? null : models.length > 0 || probed.isPending ? (
                    <Field label={t('control.model')}>
                      {(id) => (
                        <Select id={id} value={form.model} disabled={flavor.models.length === 0 && probed.isFetching} onChange={(e) => change({ model: e.target.value })}>
                          <option value="auto">{t('model.default')}</option>
                          {models.map(([value, label]) => (
                            <option key={value} value={value}>
                              {label}
                            </option>
                          ))}
                        </Select>
                      )}
                    </Field>
                  ) : (
                    <Field label={t('control.model')}>{(id) => <TextInput id={id} value={form.model === 'auto' ? '' : form.model} placeholder={t('model.default')} onChange={(e) => change({ model: e.target.value || 'auto' })} />}</Field>
                  )}
                  {flavor.efforts.length > 0 ? (
                    <Field label={t('control.effort')}>
                      {(id) => (
                        <Select id={id} value={form.effort} onChange={(e) => change({ effort: e.target.value })}>
                          <option value="auto">{t('model.default')}</option>
                          {flavor.efforts.map((e) => (
                            <option key={e}>{e}</option>
                          ))}
                        </Select>
                      )}
                    </Field>
                  ) : null}
                </div>
              </details>
            ) : null}
            <Field label={t('new.message')}>{(id) => <TextArea id={id} rows={3} value={form.message} onChange={(e) => change({ message: e.target.value })} placeholder={t('new.optional')} />}</Field>
          </div>
        </div>
        <div className="border-t border-line px-3 pt-2 safe-bottom">
          <div className="mx-auto max-w-xl">
            {error ? (
              <p role="alert" className="px-1 pb-2 text-s text-bad">
                {t('new.failed', { error })}
              </p>
            ) : null}
            <Button type="submit" look="primary" busy={busy} disabled={form.directory.trim() === ''} shortcut={/Mac/.test(navigator.platform) ? '⌘⏎' : 'Ctrl ⏎'} className="h-12 w-full">
              {missing === null ? t('new.start', { machine: machineName(machine) }) : t('new.createAndStart', { folder: tail(missing, 1) })}
            </Button>
          </div>
        </div>
      </form>
      {beside ? (
        <aside aria-label={t('folder.browse')} className="flex w-72 shrink-0 flex-col border-l border-line">
          <FolderPicker machineId={form.machineId} path={form.directory} home={home} roots={roots} onPath={(directory) => change({ directory })} />
        </aside>
      ) : (
        <PickerDialog open={picking} onClose={() => setPicking(false)} machineId={form.machineId} start={form.directory} home={home} roots={roots} onChoose={(directory) => change({ directory })} />
      )}
    </div>
  )
}

function PickerDialog({ open, onClose, machineId, start, home, roots, onChoose }: { open: boolean; onClose(): void; machineId: string; start: string; home: string | undefined; roots: readonly string[]; onChoose(path: string): void }) {
  const t = useT()
  const [path, setPath] = useState<string | null>(null)
  return (
    <Dialog open={open} onClose={onClose} title={t('folder.browse')}>
      <FolderPicker
        machineId={machineId}
        path={path ?? start}
        home={home}
        roots={roots}
        onPath={setPath}
        onChoose={(chosen) => {
          onChoose(chosen)
          onClose()
        }}
      />
    </Dialog>
  )
}
