import { useNavigate, useParams } from '@tanstack/react-router'
import { ChevronRight } from 'lucide-react'
import { useState, type ReactNode } from 'react'
import { useT, type Key } from '@/i18n'
import { About } from '@/features/change-settings/About'
import { Chat } from '@/features/change-settings/Chat'
import { Devices } from '@/features/change-settings/Devices'
import { General } from '@/features/change-settings/General'
import { Machines } from '@/features/change-settings/Machines'
import { Notifications } from '@/features/change-settings/Notifications'
import { isNotified } from '@/features/change-settings/push'
import { Usage } from '@/features/change-settings/Usage'
import { useLive, useMachines } from '@/live/hooks'
import { Segmented, SettingRow, Select } from '@/ui/Fields'
import { cx } from '@/ui/cx'
import { useAccount } from '../account'
import { PageBar } from '../PageBar'
import { settingsPages, type SettingsPageName } from '../settingsPages'
import { appearance, fontScale, setAppearance, setFontScale, type Appearance } from '../theme'
import { useWide } from '../useWide'

/** A list of pages on a phone; list and page beside each other where there is room. */
export function SettingsPage() {
  const t = useT()
  const wide = useWide()
  const navigate = useNavigate()
  const { hub } = useLive()
  const { page } = useParams({ strict: false })
  const known = settingsPages.find((p) => p === page)
  const shown = known ?? (wide ? 'display' : null)
  const pages = settingsPages.filter((p) => p !== 'usage' || hub.isOwner)
  const toList = () => void navigate({ to: '/sessions' })
  const nav = (
    <nav aria-label={t('settings.title')} className={cx('quiet-scroll overflow-y-auto', wide ? 'w-56 shrink-0 border-r border-line p-2' : 'flex-1')}>
      {pages.map((p) => (
        <button
          key={p}
          type="button"
          aria-current={p === shown ? 'page' : undefined}
          onClick={() => void navigate({ to: '/settings/$page', params: { page: p }, replace: wide })}
          className={cx('flex w-full items-center gap-3 text-left', wide ? 'min-h-9 rounded-m px-3 text-s hover:bg-sunken' : 'min-h-14 border-b border-line px-4 hover:bg-sunken', p === shown && 'bg-sunken font-medium')}
        >
          <span className="flex-1">{t(`settings.${p}`)}</span>
          {wide ? null : (
            <>
              <Gist page={p} />
              <ChevronRight className="size-4 text-ink-2" />
            </>
          )}
        </button>
      ))}
    </nav>
  )
  return (
    <div className="flex h-dvh flex-col safe-top">
      <PageBar title={wide || !shown ? t('settings.title') : t(`settings.${shown}`)} back={() => (wide || !known ? toList() : void navigate({ to: '/settings' }))} />
      <div className="flex min-h-0 flex-1">
        {wide || !shown ? nav : null}
        {shown ? (
          <main className="quiet-scroll min-w-0 flex-1 overflow-y-auto">
            <div className="mx-auto max-w-2xl px-4 py-2">
              {wide ? <h2 className="pt-3 pb-1 text-xl font-semibold">{t(`settings.${shown}`)}</h2> : null}
              <Page name={shown} />
            </div>
          </main>
        ) : null}
      </div>
    </div>
  )
}

function Page({ name }: { name: SettingsPageName }): ReactNode {
  const { signOut } = useAccount()
  switch (name) {
    case 'general':
      return <General />
    case 'display':
      return <Display />
    case 'chat':
      return <Chat />
    case 'notifications':
      return <Notifications />
    case 'machines':
      return <Machines />
    case 'devices':
      return <Devices onSignOut={() => void signOut()} />
    case 'usage':
      return <Usage />
    case 'about':
      return <About />
    default:
      return name satisfies never
  }
}

/** A page's present state in a word, for the list. */
function Gist({ page }: { page: SettingsPageName }) {
  const t = useT()
  const { data: machines = [] } = useMachines()
  const { hub } = useLive()
  const words: Partial<Record<SettingsPageName, string>> = {
    general: t.language === 'zh-CN' ? '简体中文' : 'English',
    display: t(`theme.${appearance()}`),
    chat: t(localStorage.getItem('hapi-composer-enter-behavior') === 'newline' ? 'chatSettings.gistNewline' : 'chatSettings.gistSends'),
    notifications: t(isNotified() ? 'push.gistOn' : 'push.gistOff'),
    machines: t.count('settings.online', machines.length),
    devices: hub.namespace,
  }
  return <span className="truncate text-s text-ink-2">{words[page]}</span>
}

const scales = [0.8, 0.9, 1, 1.1, 1.2]
const terminalSizes = [9, 11, 13, 15, 17]
const terminalKey = 'hapi-terminal-font-size'
const previewKey = 'hapi-session-preview-limit'

function Display() {
  const t = useT()
  const [look, setLook] = useState(appearance)
  const [scale, setScale] = useState(fontScale)
  const [terminal, setTerminal] = useState(Number(localStorage.getItem(terminalKey)) || 13)
  const [preview, setPreview] = useState(Number(localStorage.getItem(previewKey)) || 8)
  return (
    <>
      <div className="border-b border-line py-3">
        <p className="mb-2">{t('display.appearance')}</p>
        <Segmented<Appearance>
          label={t('display.appearance')}
          value={look}
          options={(['system', 'light', 'dark', 'oled'] as const).map((a) => ({ value: a, label: t(`theme.${a}` as Key) }))}
          onChange={(a) => {
            setLook(a)
            setAppearance(a)
          }}
        />
      </div>
      <SettingRow label={t('display.textSize')}>
        {(id) => (
          <Select
            id={id}
            className="w-28"
            value={String(scale)}
            onChange={(e) => {
              const next = Number(e.target.value)
              setScale(next)
              setFontScale(next)
            }}
          >
            {scales.map((s) => (
              <option key={s} value={s}>
                {t('usage.percent', { percent: s * 100 })}
              </option>
            ))}
          </Select>
        )}
      </SettingRow>
      <SettingRow label={t('display.terminalSize')}>
        {(id) => (
          <Select
            id={id}
            className="w-28"
            value={String(terminal)}
            onChange={(e) => {
              setTerminal(Number(e.target.value))
              localStorage.setItem(terminalKey, e.target.value)
            }}
          >
            {terminalSizes.map((n) => (
              <option key={n}>{n}</option>
            ))}
          </Select>
        )}
      </SettingRow>
      <SettingRow label={t('display.preview')} hint={t('display.previewHint')}>
        {(id) => (
          <Select
            id={id}
            className="w-28"
            value={String(preview)}
            onChange={(e) => {
              setPreview(Number(e.target.value))
              localStorage.setItem(previewKey, e.target.value)
            }}
          >
            {[3, 5, 8, 15, 30, 99].map((n) => (
              <option key={n}>{n}</option>
            ))}
          </Select>
        )}
      </SettingRow>
    </>
  )
}
