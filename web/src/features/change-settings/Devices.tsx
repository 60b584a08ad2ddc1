import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { api } from '@/api/hub'
import { errorText } from '@/api/client'
import type { AccessToken } from '@/api/types'
import { useT } from '@/i18n'
import { useLive, useNow } from '@/live/hooks'
import { dayAndTime } from '@/model/time'
import { Button } from '@/ui/Button'
import { Confirm } from '@/ui/Dialog'
import { SettingRow } from '@/ui/Fields'
import { QRCode } from './QRCode'
import { NewDevice } from './NewDevice'
import { SettingError } from './SettingError'
import { signInLink, type Client } from './signInLink'

/** Who is signed in, signing in elsewhere, and signing out here. */
export function Devices({ onSignOut }: { onSignOut(): void }) {
  const t = useT()
  const { hub } = useLive()
  const [asking, setAsking] = useState(false)
  // Only the holder of the hub's own token sees and makes others; everybody else is refused.
  const tokens = useQuery({ queryKey: ['tokens'], queryFn: () => api.tokens(hub), enabled: hub.isOwner, retry: 0 })
  return (
    <>
      <SettingRow label={t('devices.this')} hint={t('devices.namespace', { hub: hub.base.replace(/^https?:\/\//, ''), namespace: hub.namespace })}>
        {(id) => (
          <Button id={id} look="danger" onClick={() => setAsking(true)}>
            {t('devices.signOut')}
          </Button>
        )}
      </SettingRow>
      {tokens.data ? (
        <>
          <NewDevice />
          <Tokens list={tokens.data} />
        </>
      ) : tokens.isLoading ? null : (
        <>
          <OwnToken client="browser" />
          <OwnToken client="app" />
        </>
      )}
      <p className="py-3 text-s text-ink-2">{t(tokens.data ? 'devices.about' : 'devices.aboutOwn')}</p>
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

/** Somebody who can make no tokens passes on the one they have. */
function OwnToken({ client }: { client: Client }) {
  const t = useT()
  const { hub } = useLive()
  const [shown, setShown] = useState(false)
  return (
    <>
      <SettingRow label={t(client === 'app' ? 'devices.app' : 'devices.browser')} hint={t(client === 'app' ? 'devices.appHint' : 'devices.browserHint')}>
        {(id) => (
          <Button id={id} aria-expanded={shown} onClick={() => setShown(!shown)}>
            {t(shown ? 'devices.hide' : 'devices.show')}
          </Button>
        )}
      </SettingRow>
      {shown ? <QRCode link={signInLink(client, hub.base, hub.accessToken)} /> : null}
    </>
  )
}

/** Everything that was given a token of its own; each can be signed out from here. */
function Tokens({ list }: { list: readonly AccessToken[] }) {
  const t = useT()
  const { hub } = useLive()
  const queries = useQueryClient()
  const [asking, setAsking] = useState<string | null>(null)
  const [error, setError] = useState<string | null>(null)
  const now = useNow(60_000)
  if (list.length === 0) return null
  async function revoke(name: string) {
    setAsking(null)
    setError(null)
    try {
      await api.revokeToken(hub, name)
    } catch (failure) {
      setError(errorText(failure))
    }
    await queries.invalidateQueries({ queryKey: ['tokens'] })
  }
  const about = (token: AccessToken) =>
    [
      token.namespace === hub.namespace ? '' : t('devices.space', { namespace: token.namespace }),
      token.readOnly ? t('devices.readOnly') : '',
      t('push.since', { time: dayAndTime(token.createdAt, t) }),
      token.expiresAt === null ? '' : t(token.expiresAt < now ? 'devices.expired' : 'devices.until', { time: dayAndTime(token.expiresAt, t) }),
    ]
      .filter(Boolean)
      .join(' · ')
  return (
    <section>
      <h3 className="pt-5 text-xs font-semibold text-ink-2">{t('devices.list')}</h3>
      {list.map((token) => (
        <SettingRow key={token.id} label={token.name} hint={about(token)}>
          {(id) => (
            <Button id={id} look="danger" onClick={() => setAsking(token.name)}>
              {t('devices.revoke')}
            </Button>
          )}
        </SettingRow>
      ))}
      <SettingError error={error} />
      <Confirm
        open={asking !== null}
        onClose={() => setAsking(null)}
        title={t('devices.revokeAsk', { name: asking ?? '' })}
        description={t('devices.revokeAbout')}
        actions={
          <>
            <Button grow onClick={() => setAsking(null)}>
              {t('common.cancel')}
            </Button>
            <Button grow look="danger" onClick={() => asking && void revoke(asking)}>
              {t('devices.revoke')}
            </Button>
          </>
        }
      />
    </section>
  )
}
