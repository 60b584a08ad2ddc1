import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { api } from '@/api/hub'
import { errorText } from '@/api/client'
import { useT, type Key } from '@/i18n'
import { useLive } from '@/live/hooks'
import type { NoticeType } from '@/model/notice'
import { dayAndTime } from '@/model/time'
import { Button } from '@/ui/Button'
import { SettingRow, Switch, TextInput } from '@/ui/Fields'
import { deviceId, disablePush, enablePush, pushState, setWishes, wishes, type PushState, type Wishes } from './push'
import { SettingError } from './SettingError'

const hints: Record<PushState, Key> = { unsupported: 'push.unsupported', blocked: 'push.blocked', off: 'push.off', on: 'push.on' }
const kinds: readonly [NoticeType, Key][] = [
  ['permission-request', 'push.requests'],
  ['ready', 'push.ready'],
  ['task-notification', 'push.tasks'],
]
const night = { from: '23:00', to: '07:00' }

export function Notifications() {
  const t = useT()
  const { hub, queries } = useLive()
  const [state, setState] = useState<PushState>('off')
  const [wish, setWish] = useState<Wishes>(wishes)
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<string | null>(null)
  useEffect(() => {
    void pushState().then(setState)
  }, [])
  async function attempt(work: () => Promise<unknown>) {
    setBusy(true)
    setError(null)
    try {
      await work()
      await queries.invalidateQueries({ queryKey: ['browsers'] })
    } catch (failure) {
      setError(errorText(failure))
    } finally {
      setBusy(false)
    }
  }
  const want = (change: Partial<Wishes>) => {
    const next = { ...wish, ...change }
    setWish(next)
    void attempt(() => setWishes(hub, t, next))
  }
  const test = async () => {
    const registration = await navigator.serviceWorker.ready
    await registration.showNotification(t('push.testTitle'), { body: t('push.testBody'), icon: '/icon-192.png', badge: '/icon-192.png', tag: 'test' })
  }
  return (
    <>
      <SettingRow label={t('push.thisDevice')} hint={t(hints[state])}>
        {(id) => <Switch id={id} checked={state === 'on'} disabled={busy || state === 'unsupported' || state === 'blocked'} onChange={(on) => void attempt(async () => setState(await (on ? enablePush(hub, t) : disablePush(hub))))} />}
      </SettingRow>
      <SettingError error={error} />
      {state === 'on' ? (
        <>
          {kinds.map(([kind, label]) => (
            <SettingRow key={kind} label={t(label)}>
              {(id) => <Switch id={id} checked={!wish.muted.includes(kind)} onChange={(on) => want({ muted: on ? wish.muted.filter((k) => k !== kind) : [...wish.muted, kind] })} />}
            </SettingRow>
          ))}
          <SettingRow label={t('push.quiet')} hint={t('push.quietHint')}>
            {(id) => <Switch id={id} checked={wish.quiet !== null} onChange={(on) => want({ quiet: on ? night : null })} />}
          </SettingRow>
          {wish.quiet ? (
            <div className="flex items-center gap-3 border-b border-line pb-3">
              {(['from', 'to'] as const).map((end) => (
                <TextInput key={end} type="time" required className="w-32! num" aria-label={t(end === 'from' ? 'push.quietFrom' : 'push.quietTo')} value={wish.quiet?.[end]} onChange={(e) => e.target.value && wish.quiet && want({ quiet: { ...wish.quiet, [end]: e.target.value } })} />
              ))}
            </div>
          ) : null}
          <SettingRow label={t('push.hide')} hint={t('push.hideHint')}>
            {(id) => <Switch id={id} checked={wish.hide} onChange={(hide) => want({ hide })} />}
          </SettingRow>
          <SettingRow label={t('push.test')}>{(id) => <Button id={id} onClick={() => void test()}>{t('push.send')}</Button>}</SettingRow>
        </>
      ) : null}
      <Browsers />
      <p className="py-3 text-s text-ink-2">{t('push.about')}</p>
    </>
  )
}

/** Everything that is told, so that a device that was lost or sold is told no more. */
function Browsers() {
  const t = useT()
  const { hub } = useLive()
  const queries = useQueryClient()
  const { data = [] } = useQuery({ queryKey: ['browsers'], queryFn: () => api.browsers(hub), retry: 0 })
  const [error, setError] = useState<string | null>(null)
  if (data.length === 0) return null
  const here = deviceId()
  async function remove(id: string) {
    setError(null)
    try {
      await api.removeBrowser(hub, id)
    } catch (failure) {
      setError(errorText(failure))
    }
    await queries.invalidateQueries({ queryKey: ['browsers'] })
  }
  return (
    <section>
      <h3 className="pt-5 text-xs font-semibold text-ink-2">{t('push.devices')}</h3>
      {data.map((b) => (
        <SettingRow key={b.id} label={b.label || t('push.unnamed')} hint={b.deviceId === here ? t('devices.this') : t('push.since', { time: dayAndTime(b.createdAt, t) })}>
          {(id) =>
            b.deviceId === here ? null : (
              <Button id={id} onClick={() => void remove(b.id)}>
                {t('push.remove')}
              </Button>
            )
          }
        </SettingRow>
      ))}
      <SettingError error={error} />
    </section>
  )
}
