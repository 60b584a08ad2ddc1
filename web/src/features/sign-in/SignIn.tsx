import { Languages, Server } from 'lucide-react'
import { useState, type FormEvent } from 'react'
import { Hub, HubError, errorText, hubOrigin, stored } from '@/api/client'
import { languages, setLanguage, useT } from '@/i18n'
import { Button } from '@/ui/Button'
import { Dialog } from '@/ui/Dialog'
import { Field, TextInput } from '@/ui/Fields'
import { Menu, MenuChoices } from '@/ui/Menu'
import { isNewHub, type Brought } from './link'

interface Props {
  brought: Brought
  /** Why the person is here although they were signed in. */
  reason: string | null
  onSignedIn(hub: Hub): void
}

export function SignIn({ brought, reason, onSignedIn }: Props) {
  const t = useT()
  const [hubUrl, setHubUrl] = useState(brought.hub ?? stored.hub())
  const [token, setToken] = useState(brought.token ?? '')
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<string | null>(reason)
  const [choosing, setChoosing] = useState(false)
  const foreign = brought.hub !== null && brought.hub === hubUrl && isNewHub(brought.hub)

  async function submit(e: FormEvent) {
    e.preventDefault()
    const accessToken = token.trim()
    if (accessToken === '') return setError(t('signIn.empty'))
    setBusy(true)
    setError(null)
    const hub = new Hub({ base: hubUrl, accessToken })
    try {
      await hub.token()
      stored.setHub(hubUrl)
      stored.setAccessToken(hubUrl, accessToken)
      onSignedIn(hub)
    } catch (failure) {
      setBusy(false)
      if (failure instanceof HubError && failure.status === 401) setError(t('signIn.wrong'))
      else if (failure instanceof HubError && failure.unreachable) setError(t('signIn.unreachable', { hub: hubUrl }))
      else setError(errorText(failure))
    }
  }

  return (
    <main className="mx-auto flex min-h-full max-w-sm flex-col px-5 pt-[12vh] pb-6">
      <div className="flex items-center justify-between">
        <h1 className="text-xl font-semibold">{t('app.name')}</h1>
        <Menu
          trigger={
            <button type="button" aria-label={t('settings.language')} className="target grid place-items-center rounded-m text-ink-2 hover:bg-sunken">
              <Languages className="size-5" />
            </button>
          }
        >
          <MenuChoices value={t.language} choices={languages.map((l) => ({ value: l.id, label: l.name }))} onChange={(l) => void setLanguage(l === 'zh-CN' ? 'zh-CN' : 'en')} />
        </Menu>
      </div>
      <p className="mt-1 text-ink-2">{t('signIn.promise')}</p>
      <form className="mt-8 flex flex-col gap-4" onSubmit={(e) => void submit(e)}>
        {foreign ? <p className="rounded-m border border-line bg-raised p-3 text-s">{t('signIn.newHub', { hub: hubUrl })}</p> : null}
        <Field label={t('signIn.token')} hint={t('signIn.hint')} error={error}>
          {(id, described) => <TextInput id={id} aria-describedby={described} aria-invalid={error !== null} type="password" autoComplete="current-password" autoFocus value={token} onChange={(e) => setToken(e.target.value)} />}
        </Field>
        <Button type="submit" look="primary" busy={busy} className="h-11">
          {t('signIn.go')}
        </Button>
      </form>
      <button type="button" onClick={() => setChoosing(true)} className="mt-3 flex min-h-11 items-center gap-2 self-start rounded-m px-1 text-s text-ink-2 hover:text-ink">
        <Server className="size-4" />
        {hubUrl === location.origin ? t('signIn.thisHub') : t('signIn.otherHub', { hub: hubUrl })}
      </button>
      <p className="mt-auto pt-10 text-xs text-ink-2">{t('signIn.foot')}</p>
      <HubDialog open={choosing} value={hubUrl} onClose={() => setChoosing(false)} onChange={setHubUrl} />
    </main>
  )
}

function HubDialog({ open, value, onClose, onChange }: { open: boolean; value: string; onClose(): void; onChange(base: string): void }) {
  const t = useT()
  const [text, setText] = useState(value)
  const [error, setError] = useState<string | null>(null)
  return (
    <Dialog open={open} onClose={onClose} title={t('hub.title')} description={t('hub.about')}>
      <form
        className="flex flex-col gap-4 p-4"
        onSubmit={(e) => {
          e.preventDefault()
          const base = hubOrigin(text)
          if (base === null) return setError(t('hub.invalid'))
          onChange(base)
          onClose()
        }}
      >
        <Field label={t('hub.address')} error={error}>
          {(id) => <TextInput id={id} inputMode="url" value={text} onChange={(e) => setText(e.target.value)} placeholder="https://hub.example.org" />}
        </Field>
        <div className="flex gap-2">
          <Button
            grow
            onClick={() => {
              setText(location.origin)
              onChange(location.origin)
              onClose()
            }}
          >
            {t('hub.same')}
          </Button>
          <Button grow look="primary" type="submit">
            {t('common.save')}
          </Button>
        </div>
      </form>
    </Dialog>
  )
}
