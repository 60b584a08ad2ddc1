import { Outlet, useLocation, useNavigate, useParams } from '@tanstack/react-router'
import { Plus, Settings } from 'lucide-react'
import { lazy, Suspense, useEffect, useMemo, useState } from 'react'
import { useT } from '@/i18n'
import { NeedCard } from '@/features/answer-request/NeedCard'
import { renewPush } from '@/features/change-settings/push'
import { SessionMenu } from '@/features/control-session/SessionMenu'
import { Inbox } from '@/features/triage-sessions/Inbox'
import { useConnection, useLive, useMachines, useMarks, useSessions } from '@/live/hooks'
import { machineName } from '@/model/machine'
import { IconButton } from '@/ui/Button'
import { Dot } from '@/ui/Dot'
import { ConnectionStrip } from './ConnectionStrip'
import { InstallCard } from './InstallCard'
import { Sidebar } from './Sidebar'
import { useAttention } from './useAttention'
import { useHubToasts } from './useHubToasts'
import { useViewport } from './useViewport'
import { useWide } from './useWide'

const Palette = lazy(() => import('./Palette').then((m) => ({ default: m.Palette })))

/** List and detail: beside each other where there is room, else one of them. */
export function Shell() {
  const t = useT()
  const wide = useWide()
  const navigate = useNavigate()
  const { pathname } = useLocation()
  const { id } = useParams({ strict: false })
  const { hub, outbox } = useLive()
  const { data: sessions } = useSessions()
  const marks = useMarks()
  const [palette, setPalette] = useState(false)
  const atList = pathname === '/sessions' || pathname === '/sessions/'
  const open = (sessionId: string) => void navigate({ to: '/sessions/$id', params: { id: sessionId } })

  useViewport()
  useAttention(sessions)
  useHubToasts(id, open)

  useEffect(() => {
    // The next start tries again.
    renewPush(hub, t).catch((error: unknown) => console.warn('notifications were not renewed', error))
  }, [hub, t])

  // What is on the screen has been seen.
  const shown = useMemo(() => sessions?.find((s) => s.id === id), [sessions, id])
  useEffect(() => {
    const see = () => {
      if (!shown || document.visibilityState !== 'visible') return
      marks.seen(shown.id, shown.updatedAt)
      void closeNotifications(shown.id)
    }
    see()
    document.addEventListener('visibilitychange', see)
    return () => document.removeEventListener('visibilitychange', see)
  }, [shown, marks])

  // A notification was tapped: the worker asks the open window to go there.
  useEffect(() => {
    const onMessage = (e: MessageEvent<{ type?: string; path?: string } | null>) => {
      if (e.data?.type === 'open' && e.data.path) void navigate({ href: e.data.path })
    }
    navigator.serviceWorker?.addEventListener('message', onMessage)
    return () => navigator.serviceWorker?.removeEventListener('message', onMessage)
  }, [navigate])

  useEffect(() => {
    const onKey = (e: KeyboardEvent) => {
      if ((e.metaKey || e.ctrlKey) && e.key.toLowerCase() === 'k') {
        e.preventDefault()
        setPalette((on) => !on)
      }
    }
    window.addEventListener('keydown', onKey)
    return () => window.removeEventListener('keydown', onKey)
  }, [])

  const inbox = (
    <Inbox
      selectedId={id}
      beside={wide}
      onOpen={open}
      onNew={(where) => void navigate({ to: '/sessions/new', search: where ?? {} })}
      onSettings={() => void navigate({ to: '/settings' })}
      onPalette={() => setPalette(true)}
      renderNeed={(s, head) => <NeedCard session={s} head={head} onOpen={() => open(s.id)} />}
      renderMenu={(s) => (
        <SessionMenu
          session={s}
          onMoved={(next) => {
            if (next) open(next)
            else if (s.id === id) void navigate({ to: '/sessions' })
          }}
        />
      )}
      foot={wide ? <Foot onSettings={() => void navigate({ to: '/settings' })} onNew={() => void navigate({ to: '/sessions/new' })} /> : <InstallCard />}
    />
  )
  return (
    <div className="flex h-[var(--app-height,100dvh)] flex-col safe-top">
      <a href="#main" className="sr-only z-50 bg-raised p-2 focus:not-sr-only focus:absolute">
        {t('page.skip')}
      </a>
      <ConnectionStrip waiting={outbox} />
      <div className="flex min-h-0 flex-1">
        {wide ? (
          <Sidebar>{inbox}</Sidebar>
        ) : atList ? (
          <main id="main" className="min-w-0 flex-1">
            {inbox}
          </main>
        ) : null}
        {wide || !atList ? (
          <main id="main" className="flex min-h-0 min-w-0 flex-1 flex-col">
            <Outlet />
          </main>
        ) : null}
      </div>
      {palette ? (
        <Suspense>
          <Palette open onClose={() => setPalette(false)} currentId={id} />
        </Suspense>
      ) : null}
    </div>
  )
}

/** What this device was told of a session that is now on its screen. */
async function closeNotifications(sessionId: string) {
  const registration = await navigator.serviceWorker?.getRegistration()
  const all = (await registration?.getNotifications?.()) ?? []
  for (const n of all) if ((n.data as { sessionId?: string } | null)?.sessionId === sessionId) n.close()
}

function Foot({ onSettings, onNew }: { onSettings(): void; onNew(): void }) {
  const t = useT()
  const { state } = useConnection()
  const { data: machines = [] } = useMachines()
  const names = machines.map(machineName).join(', ')
  return (
    <footer className="flex min-h-12 items-center gap-1 border-t border-line pr-2 pl-4">
      <p className="flex min-w-0 flex-1 items-center gap-1.5 truncate text-xs text-ink-2">
        <Dot tone={state === 'live' ? 'good' : 'idle'} />
        <span className="truncate">
          {t(state === 'live' ? 'connection.live' : 'connection.connecting')}
          {names ? ` · ${names}` : ''}
        </span>
      </p>
      <IconButton label={t('settings.title')} onClick={onSettings}>
        <Settings />
      </IconButton>
      <IconButton label={t('new.title')} tone="accent" onClick={onNew}>
        <Plus />
      </IconButton>
    </footer>
  )
}
