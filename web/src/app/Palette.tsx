import { useNavigate } from '@tanstack/react-router'
import { Archive, CircleStop, FolderOpen, MessageSquare, Moon, Plus, Settings, Smartphone, Sun, SunMoon, SquareTerminal } from 'lucide-react'
import { useMemo, type ReactNode } from 'react'
import { useT } from '@/i18n'
import { useSessionActions } from '@/features/control-session/useSessionActions'
import { FindAnything, type Thing } from '@/features/find-anything/FindAnything'
import { useMachines, useSessions } from '@/live/hooks'
import { flavorOf } from '@/model/flavor'
import { machineName } from '@/model/machine'
import { homePath, titleOf } from '@/model/session'
import { Avatar } from '@/ui/Avatar'
import { settingsPages } from './settingsPages'
import { setAppearance, type Appearance } from './theme'

/** Sessions, actions and settings, by name. */
export function Palette({ open, onClose, currentId }: { open: boolean; onClose(): void; currentId: string | undefined }) {
  const t = useT()
  const navigate = useNavigate()
  const act = useSessionActions()
  const { data: sessions = [] } = useSessions()
  const { data: machines = [] } = useMachines()
  const things = useMemo((): Thing[] => {
    const action = (id: string, name: string, icon: ReactNode, run: () => void): Thing => ({ id, group: 'actions', name, hint: '', icon, run })
    const current = sessions.find((s) => s.id === currentId)
    const theme = (a: Appearance, icon: ReactNode) => action(`theme:${a}`, t('palette.theme', { theme: t(`theme.${a}`) }), icon, () => setAppearance(a))
    const byNeed = sessions.toSorted((a, b) => Number(b.active && b.pendingRequestsCount > 0) - Number(a.active && a.pendingRequestsCount > 0) || b.updatedAt - a.updatedAt)
    return [
      ...byNeed.map((s): Thing => {
        const machine = machineName(machines.find((m) => m.id === s.metadata?.machineId))
        const waits = s.active && s.pendingRequestsCount > 0
        return {
          id: `s:${s.id}`,
          group: 'sessions',
          name: titleOf(s),
          hint: [waits ? t('state.needsYou') : '', homePath(s.metadata?.path ?? ''), machine].filter(Boolean).join(' · '),
          icon: <Avatar small letter={flavorOf(s.metadata?.flavor).letter} tone={waits ? 'waits' : s.active && s.thinking ? 'works' : null} />,
          run: () => void navigate({ to: '/sessions/$id', params: { id: s.id } }),
        }
      }),
      ...(current
        ? [
            action('files', t('files.title'), <FolderOpen />, () => void navigate({ to: '/sessions/$id/files', params: { id: current.id } })),
            action('terminal', t('terminal.title'), <SquareTerminal />, () => void navigate({ to: '/sessions/$id/terminal', params: { id: current.id } })),
            action('outline', t('outline.title'), <MessageSquare />, () => void navigate({ to: '/sessions/$id', params: { id: current.id }, search: { outline: true } })),
            ...(current.active && current.thinking ? [action('abort', t('composer.stop'), <CircleStop />, () => void act.abort(current.id))] : []),
            ...(current.active ? [action('archive', t('menu.archive'), <Archive />, () => void act.archive(current.id))] : []),
          ]
        : []),
      action('new', t('new.title'), <Plus />, () => void navigate({ to: '/sessions/new' })),
      theme('system', <SunMoon />),
      theme('light', <Sun />),
      theme('dark', <Moon />),
      theme('oled', <Smartphone />),
      ...settingsPages.map((p): Thing => ({ id: `settings:${p}`, group: 'settings', name: t(`settings.${p}`), hint: t('settings.title'), icon: <Settings />, run: () => void navigate({ to: '/settings/$page', params: { page: p } }) })),
    ]
  }, [sessions, machines, currentId, t, navigate, act])
  return <FindAnything open={open} onClose={onClose} things={things} />
}
