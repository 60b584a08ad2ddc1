import { useReducer, useState } from 'react'
import { api } from '@/api/hub'
import { errorText } from '@/api/client'
import { useT } from '@/i18n'
import { useLive, useMachines, useNow } from '@/live/hooks'
import { isOutdated, machineName, restartsItself } from '@/model/machine'
import { showToast } from '@/ui/toast'
import { act, strip } from './strip'

const snoozeFor = 3_600_000
const snoozeKey = (machineId: string) => `hapi.runnerSkew.${machineId}`

/** A runner that is older than its program or its hub: it can be started anew from here, or left for an hour. */
export function RunnerSkew() {
  const t = useT()
  const { hub } = useLive()
  const { data: machines = [] } = useMachines()
  const now = useNow(60_000)
  const [busy, setBusy] = useState(false)
  const [, lookAgain] = useReducer((n: number) => n + 1, 0)
  const machine = machines.find((m) => isOutdated(m) && Number(sessionStorage.getItem(snoozeKey(m.id)) ?? 0) <= now)
  if (!machine) return null
  const name = machineName(machine)
  const snooze = () => {
    sessionStorage.setItem(snoozeKey(machine.id), String(now + snoozeFor))
    lookAgain()
  }
  const restart = async () => {
    setBusy(true)
    try {
      await api.restartRunner(hub, machine.id)
      showToast({ text: t('skew.restarting', { machine: name }) })
      snooze()
    } catch (error) {
      showToast({ text: t('skew.failed'), detail: errorText(error) })
    } finally {
      setBusy(false)
    }
  }
  const canRestart = restartsItself(machine)
  return (
    <div role="status" className={strip}>
      <span>{t(canRestart ? 'skew.old' : 'skew.oldByHand', { machine: name })}</span>
      {canRestart ? (
        <button type="button" className={act} disabled={busy} onClick={() => void restart()}>
          {t('skew.restart')}
        </button>
      ) : null}
      <button type="button" className="min-h-7 px-2 text-ink-2 hover:text-ink touch:min-h-9" onClick={snooze}>
        {t('update.later')}
      </button>
    </div>
  )
}
