import { useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { api } from '@/api/hub'
import { errorText } from '@/api/client'
import { useT } from '@/i18n'
import { useLive } from '@/live/hooks'
import { Button } from '@/ui/Button'
import { Dialog } from '@/ui/Dialog'
import { Field, Segmented, SettingRow, Switch, TextInput } from '@/ui/Fields'
import { QRCode } from './QRCode'
import { signInLink, type Client } from './signInLink'

/** Signs in another device with a token of its own, which can be taken back without touching the others. */
export function NewDevice() {
  const t = useT()
  const { hub } = useLive()
  const queries = useQueryClient()
  const [open, setOpen] = useState(false)
  const [client, setClient] = useState<Client>('browser')
  const [name, setName] = useState('')
  const [readOnly, setReadOnly] = useState(false)
  const [token, setToken] = useState<string | null>(null)
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<string | null>(null)
  const close = () => {
    setOpen(false)
    setToken(null)
    setName('')
    setReadOnly(false)
    setError(null)
  }
  async function make() {
    setBusy(true)
    setError(null)
    try {
      const made = await api.createToken(hub, { name: name.trim().replace(/\s+/g, '-'), readOnly })
      setToken(made.token)
      await queries.invalidateQueries({ queryKey: ['tokens'] })
    } catch (failure) {
      setError(errorText(failure))
    } finally {
      setBusy(false)
    }
  }
  return (
    <>
      <SettingRow label={t('devices.another')} hint={t('devices.anotherHint')}>
        {(id) => (
          <Button id={id} onClick={() => setOpen(true)}>
            {t('devices.add')}
          </Button>
        )}
      </SettingRow>
      <Dialog open={open} onClose={close} title={t('devices.another')}>
        {token ? (
          <div className="px-4 pb-4">
            <QRCode link={signInLink(client, hub.base, token)} />
            <p className="text-center text-s text-ink-2">{t('devices.once')}</p>
          </div>
        ) : (
          <form
            className="flex flex-col gap-4 p-4"
            onSubmit={(e) => {
              e.preventDefault()
              void make()
            }}
          >
            <Segmented<Client> label={t('devices.kind')} value={client} options={[{ value: 'browser', label: t('devices.browser') }, { value: 'app', label: t('devices.app') }]} onChange={setClient} />
            <Field label={t('devices.name')} error={error}>
              {(id, described) => <TextInput id={id} aria-describedby={described} required maxLength={64} autoComplete="off" value={name} placeholder={t('devices.example')} onChange={(e) => setName(e.target.value)} />}
            </Field>
            <SettingRow label={t('devices.onlyLooks')} hint={t('devices.onlyLooksHint')}>
              {(id) => <Switch id={id} checked={readOnly} onChange={setReadOnly} />}
            </SettingRow>
            <Button type="submit" look="primary" busy={busy} disabled={name.trim() === ''}>
              {t('devices.show')}
            </Button>
          </form>
        )}
      </Dialog>
    </>
  )
}
