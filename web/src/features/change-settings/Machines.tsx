import { useState } from 'react'
import { api } from '@/api/hub'
import { errorText } from '@/api/client'
import type { Machine } from '@/api/types'
import { useT } from '@/i18n'
import { keys } from '@/live/live'
import { useLive, useMachines } from '@/live/hooks'
import { machineName } from '@/model/machine'
import { Dot } from '@/ui/Dot'
import { TextInput } from '@/ui/Fields'
import { Failure, Notice, Skeleton } from '@/ui/States'

export function Machines() {
  const t = useT()
  const { data, error, isPending, refetch } = useMachines()
  if (isPending) return <Skeleton rows={2} label={t('common.loading')} />
  if (!data) return <Failure title={t('new.machinesFailed')} error={errorText(error)} retry={() => void refetch()} retryLabel={t('common.retry')} />
  if (data.length === 0) return <Notice title={t('new.noMachine')}>{t('new.noMachineHint')}</Notice>
  return data.map((m) => <MachineRow key={m.id} machine={m} />)
}

function MachineRow({ machine }: { machine: Machine }) {
  const t = useT()
  const { hub, queries } = useLive()
  const [name, setName] = useState(machineName(machine))
  const [error, setError] = useState<string | null>(null)
  const about = machine.metadata
  const health = machine.health
  async function save() {
    if (name.trim() === machineName(machine)) return
    setError(null)
    try {
      await api.renameMachine(hub, machine.id, name.trim())
      await queries.invalidateQueries({ queryKey: keys.machines })
    } catch (failure) {
      setError(errorText(failure))
    }
  }
  return (
    <div className="border-b border-line py-3 last:border-0">
      <div className="flex items-center gap-3">
        <Dot tone="good" />
        <TextInput
          aria-label={t('machine.name')}
          className="wide:max-w-60"
          maxLength={64}
          value={name}
          placeholder={about?.host}
          onChange={(e) => setName(e.target.value)}
          onBlur={() => void save()}
          onKeyDown={(e) => {
            if (e.key === 'Enter') e.currentTarget.blur()
            if (e.key === 'Escape') setName(machineName(machine))
          }}
        />
      </div>
      <p className="mt-1.5 pl-5 text-s text-ink-2 num">
        {[about?.host, about?.platform, about?.happyCliVersion, health?.cpuPercent === undefined ? null : t('machine.cpu', { percent: Math.round(health.cpuPercent) }), health?.memoryPercent === undefined ? null : t('machine.memory', { percent: Math.round(health.memoryPercent) })].filter(Boolean).join(' · ')}
      </p>
      {error ? (
        <p role="alert" className="mt-1 pl-5 text-s text-bad">
          {error}
        </p>
      ) : null}
    </div>
  )
}
