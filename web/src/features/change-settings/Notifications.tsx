import { useEffect, useState } from 'react'
import { errorText } from '@/api/client'
import { useT, type Key } from '@/i18n'
import { useLive } from '@/live/hooks'
import { Button } from '@/ui/Button'
import { SettingRow, Switch } from '@/ui/Fields'
import { disablePush, enablePush, pushState, type PushState } from './push'

const hints: Record<PushState, Key> = { unsupported: 'push.unsupported', blocked: 'push.blocked', off: 'push.off', on: 'push.on' }

export function Notifications() {
  const t = useT()
  const { hub } = useLive()
  const [state, setState] = useState<PushState>('off')
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<string | null>(null)
  useEffect(() => {
    void pushState().then(setState)
  }, [])
  async function change(on: boolean) {
    setBusy(true)
    setError(null)
    try {
      setState(await (on ? enablePush(hub) : disablePush(hub)))
    } catch (failure) {
      setError(errorText(failure))
    } finally {
      setBusy(false)
    }
  }
  const test = async () => {
    const registration = await navigator.serviceWorker.ready
    await registration.showNotification(t('push.testTitle'), { body: t('push.testBody'), icon: '/icon-192.png', badge: '/icon-192.png', tag: 'test' })
  }
  return (
    <>
      <SettingRow label={t('push.thisDevice')} hint={t(hints[state])}>
        {(id) => <Switch id={id} checked={state === 'on'} disabled={busy || state === 'unsupported' || state === 'blocked'} onChange={(on) => void change(on)} />}
      </SettingRow>
      {state === 'on' ? (
        <SettingRow label={t('push.test')}>{(id) => <Button id={id} onClick={() => void test()}>{t('push.send')}</Button>}</SettingRow>
      ) : null}
      {error ? (
        <p role="alert" className="py-2 text-s text-bad">
          {t('push.failed', { error })}
        </p>
      ) : null}
      <p className="py-3 text-s text-ink-2">{t('push.about')}</p>
    </>
  )
}
