import { encode } from 'uqr'
import { useMemo, useState } from 'react'
import { useT } from '@/i18n'
import { useLive } from '@/live/hooks'
import { Button } from '@/ui/Button'
import { copyText } from '@/ui/copy'
import { Confirm } from '@/ui/Dialog'
import { SettingRow } from '@/ui/Fields'
import { showToast } from '@/ui/toast'

/** Signing in elsewhere, and signing out here. */
export function Devices({ onSignOut }: { onSignOut(): void }) {
  const t = useT()
  const { hub } = useLive()
  const [shown, setShown] = useState<'web' | 'app' | null>(null)
  const [asking, setAsking] = useState(false)
  const links = {
    web: `${location.origin}/?hub=${encodeURIComponent(hub.base)}&token=${encodeURIComponent(hub.accessToken)}`,
    app: `hapicompanion://bind?hub=${encodeURIComponent(hub.base)}&code=${encodeURIComponent(hub.accessToken)}`,
  }
  return (
    <>
      <SettingRow label={t('devices.this')} hint={t('devices.namespace', { hub: hub.base.replace(/^https?:\/\//, ''), namespace: hub.namespace })}>
        {(id) => (
          <Button id={id} look="danger" onClick={() => setAsking(true)}>
            {t('devices.signOut')}
          </Button>
        )}
      </SettingRow>
      <SettingRow label={t('devices.browser')} hint={t('devices.browserHint')}>
        {(id) => (
          <Button id={id} aria-expanded={shown === 'web'} onClick={() => setShown(shown === 'web' ? null : 'web')}>
            {t(shown === 'web' ? 'devices.hide' : 'devices.show')}
          </Button>
        )}
      </SettingRow>
      {shown === 'web' ? <Code link={links.web} /> : null}
      <SettingRow label={t('devices.app')} hint={t('devices.appHint')}>
        {(id) => (
          <Button id={id} aria-expanded={shown === 'app'} onClick={() => setShown(shown === 'app' ? null : 'app')}>
            {t(shown === 'app' ? 'devices.hide' : 'devices.show')}
          </Button>
        )}
      </SettingRow>
      {shown === 'app' ? <Code link={links.app} /> : null}
      <p className="py-3 text-s text-ink-2">{t('devices.about')}</p>
      <Confirm
        open={asking}
        onClose={() => setAsking(false)}
        title={t('devices.signOutAsk')}
        description={t('devices.signOutAbout')}
        actions={
          <>
            <Button grow onClick={() => setAsking(false)}>
              {t('common.cancel')}
            </Button>
            <Button grow look="danger" onClick={onSignOut}>
              {t('devices.signOut')}
            </Button>
          </>
        }
      />
    </>
  )
}

function Code({ link }: { link: string }) {
  const t = useT()
  const path = useMemo(() => {
    const { data, size } = encode(link, { ecc: 'M', border: 2 })
    const dark: string[] = []
    data.forEach((row, y) => row.forEach((on, x) => on && dark.push(`M${x} ${y}h1v1h-1z`)))
    return { d: dark.join(''), size }
  }, [link])
  return (
    <div className="flex flex-col items-center gap-3 py-4">
      {/* Readers want dark on light, whatever the theme. */}
      <svg role="img" aria-label={t('devices.code')} viewBox={`0 0 ${path.size} ${path.size}`} className="w-56 rounded-m bg-[white]" shapeRendering="crispEdges">
        <path d={path.d} className="fill-[black]" />
      </svg>
      <Button onClick={() => void copyText(link).then((ok) => ok && showToast({ text: t('common.copied') }))}>{t('devices.copy')}</Button>
    </div>
  )
}
