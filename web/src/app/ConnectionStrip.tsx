import { useSyncExternalStore } from 'react'
import { useT } from '@/i18n'
import { useConnection, useLive, useNow, useOnline } from '@/live/hooks'
import type { Outbox } from '@/live/outbox'
import { Spinner } from '@/ui/Spinner'
import { RunnerSkew } from './RunnerSkew'
import { act, strip } from './strip'
import { update } from './update'

const patience = 4000

/** One line above everything, one state at a time: what is wrong, or what is new. */
export function ConnectionStrip({ waiting }: { waiting: Outbox }) {
  const t = useT()
  const online = useOnline()
  const live = useLive()
  const { state, since, retryAt } = useConnection()
  const down = state !== 'live'
  const now = useNow(1000, down)
  const unsent = useSyncExternalStore(waiting.subscribe, () => waiting.entries.filter((e) => e.state === 'waiting').length)
  const ready = useSyncExternalStore(update.subscribe, update.ready)

  if (down && !online) {
    return (
      <div role="status" className={strip}>
        <span>{unsent > 0 ? t.count('connection.offlineWaiting', unsent) : t('connection.offline')}</span>
      </div>
    )
  }
  if (down && since !== null && now - since > patience) {
    const wait = retryAt === null ? 0 : Math.ceil((retryAt - now) / 1000)
    return (
      <div role="status" className={strip}>
        <Spinner className="text-ink-2" />
        <span className="num">{wait > 1 ? t('connection.retryIn', { n: wait }) : t('connection.reconnecting')}</span>
        {wait > 1 ? (
          <button type="button" className={act} onClick={live.stream.retryNow}>
            {t('connection.now')}
          </button>
        ) : null}
      </div>
    )
  }
  if (ready) {
    return (
      <div role="status" className={strip}>
        <span>{t('update.ready')}</span>
        <button type="button" className={act} onClick={update.apply}>
          {t('update.reload')}
        </button>
        <button type="button" className="min-h-7 px-2 text-ink-2 hover:text-ink touch:min-h-9" onClick={update.later}>
          {t('update.later')}
        </button>
      </div>
    )
  }
  return <RunnerSkew />
}
