import { createRootRoute, createRoute, createRouter, lazyRouteComponent, redirect } from '@tanstack/react-router'
import { NotFound, RouteError } from './Fallbacks'
import { Shell } from './Shell'
import { Empty } from './pages/Empty'

const text = (v: unknown): string | undefined => (typeof v === 'string' && v !== '' ? v : undefined)

const root = createRootRoute({ notFoundComponent: NotFound, errorComponent: RouteError })

const index = createRoute({ getParentRoute: () => root, path: '/', beforeLoad: () => { throw redirect({ to: '/sessions', replace: true }) } })

const shell = createRoute({ getParentRoute: () => root, id: 'shell', component: Shell })

const list = createRoute({ getParentRoute: () => shell, path: '/sessions', component: Empty })

const chat = createRoute({
  getParentRoute: () => shell,
  path: '/sessions/$id',
  validateSearch: (search): { outline?: boolean } => (search.outline === true || search.outline === 'true' ? { outline: true } : {}),
  component: lazyRouteComponent(() => import('./pages/ChatPage'), 'ChatPage'),
})

const create = createRoute({
  getParentRoute: () => shell,
  path: '/sessions/new',
  validateSearch: (search): { machineId?: string; directory?: string; shared?: string } => {
    const machineId = text(search.machineId)
    const directory = text(search.directory)
    const shared = text(search.shared) ?? text(search.shareTransferId)
    return { ...(machineId ? { machineId } : {}), ...(directory ? { directory } : {}), ...(shared ? { shared } : {}) }
  },
  component: lazyRouteComponent(() => import('./pages/NewPage'), 'NewPage'),
})

const browse = createRoute({ getParentRoute: () => root, path: '/browse', beforeLoad: ({ search }) => { throw redirect({ to: '/sessions/new', search: search as Record<string, never>, replace: true }) } })

const files = createRoute({
  getParentRoute: () => shell,
  path: '/sessions/$id/files',
  validateSearch: (search): { tab?: 'changes' | 'directories' | 'turn'; query?: string } => {
    const tab = search.tab === 'directories' || search.tab === 'turn' ? search.tab : undefined
    const query = text(search.query)
    return { ...(tab ? { tab } : {}), ...(query ? { query } : {}) }
  },
  component: lazyRouteComponent(() => import('./pages/FilesPage'), 'FilesPage'),
})

const file = createRoute({
  getParentRoute: () => shell,
  path: '/sessions/$id/file',
  validateSearch: (search): { path: string; staged?: boolean; tab?: 'directories' | 'turn'; query?: string; origin?: 'chat'; view?: 'diff' | 'file' } => {
    const query = text(search.query)
    return {
      path: text(search.path) ?? '',
      ...(search.staged === true || search.staged === 'true' ? { staged: true } : {}),
      ...(search.tab === 'directories' || search.tab === 'turn' ? { tab: search.tab } : {}),
      ...(query ? { query } : {}),
      ...(search.origin === 'chat' ? { origin: 'chat' as const } : {}),
      ...(search.view === 'file' || search.view === 'diff' ? { view: search.view } : {}),
    }
  },
  component: lazyRouteComponent(() => import('./pages/FilePage'), 'FilePage'),
})

const terminal = createRoute({ getParentRoute: () => shell, path: '/sessions/$id/terminal', component: lazyRouteComponent(() => import('./pages/TerminalPage'), 'TerminalPage') })

const settings = createRoute({ getParentRoute: () => root, path: '/settings', component: lazyRouteComponent(() => import('./pages/SettingsPage'), 'SettingsPage') })
const settingsPage = createRoute({ getParentRoute: () => root, path: '/settings/$page', component: lazyRouteComponent(() => import('./pages/SettingsPage'), 'SettingsPage') })

const share = createRoute({
  getParentRoute: () => shell,
  path: '/share',
  validateSearch: (search): { id?: string; error?: string } => {
    const id = text(search.id)
    const error = text(search.error)
    return { ...(id ? { id } : {}), ...(error ? { error } : {}) }
  },
  component: lazyRouteComponent(() => import('./pages/SharePage'), 'SharePage'),
})

const tree = root.addChildren([index, browse, settings, settingsPage, shell.addChildren([list, create, chat, files, file, terminal, share])])

export function makeRouter() {
  return createRouter({ routeTree: tree, defaultPreload: 'intent', scrollRestoration: false })
}

declare module '@tanstack/react-router' {
  interface Register {
    router: ReturnType<typeof makeRouter>
  }
}
