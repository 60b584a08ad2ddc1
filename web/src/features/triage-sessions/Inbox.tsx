import { Archive, CalendarDays, ChevronRight, Copy, Eye, Pin, PinOff, Plus, Search, Settings, Trash2, X } from 'lucide-react'
import { lazy, Suspense, useCallback, useMemo, useRef, useState, type ReactNode } from 'react'
import { api } from '@/api/hub'
import { errorText } from '@/api/client'
import type { SessionSummary } from '@/api/types'
import { useT } from '@/i18n'
import { useLive, useMachines, useMarks, useNow, useSessions } from '@/live/hooks'
import { daysText } from '@/model/days'
import { machineName } from '@/model/machine'
import { arrange, homePath, isArchived, noFilter, tail, type Filter, type Group } from '@/model/session'
import { Button, IconButton } from '@/ui/Button'
import { Dot } from '@/ui/Dot'
import { PullHint } from '@/ui/PullHint'
import { Failure, Notice, Skeleton } from '@/ui/States'
import { copyText } from '@/ui/copy'
import { cx } from '@/ui/cx'
import { showToast } from '@/ui/toast'
import { usePull } from '@/ui/usePull'
import { Row } from './Row'
import { pinAll, useBulk } from './useBulk'

const DayFilter = lazy(() => import('./DayFilter').then((m) => ({ default: m.DayFilter })))

interface Props {
  selectedId: string | undefined
  /** The list is one of two panes. */
  beside: boolean
  onOpen(id: string): void
  onNew(where?: { machineId?: string; directory?: string }): void
  onSettings(): void
  onPalette(): void
  /** The card of a session that waits; the row is its head. */
  renderNeed(session: SessionSummary, head: (line: string) => ReactNode): ReactNode
  renderMenu(session: SessionSummary): ReactNode
  foot?: ReactNode
}

const shownOfGroup = 8
const previewKey = 'hapi-session-preview-limit'

export function Inbox({ selectedId, beside, onOpen, onNew, onSettings, onPalette, renderNeed, renderMenu, foot }: Props) {
  const t = useT()
  const { hub } = useLive()
  const { data, error, isPending, refetch } = useSessions()
  const { data: machines = [] } = useMachines()
  const marks = useMarks()
  const scroller = useRef<HTMLElement>(null)
  const pull = usePull(scroller, refetch)
  const [filter, setFilter] = useState<Filter>(noFilter)
  const [searching, setSearching] = useState(false)
  const [choosingDays, setChoosingDays] = useState(false)
  const [picked, setPicked] = useState<ReadonlySet<string> | null>(null)
  const archive = useBulk(useCallback((id: string) => api.archive(hub, id), [hub]))
  const remove = useBulk(useCallback((id: string) => api.remove(hub, id), [hub]))

  const names = useMemo(() => new Map(machines.map((m) => [m.id, machineName(m)])), [machines])
  const nameOf = (id: string | undefined) => (id ? (names.get(id) ?? '') : '')
  const sessions = useMemo(() => (data ?? []).filter((s) => !archive.hidden.has(s.id)), [data, archive.hidden])
  const unread = (s: SessionSummary) => s.id !== selectedId && !s.thinking && marks.isUnread(s)
  const sections = arrange(sessions, filter, nameOf, unread, selectedId)
  const unreadCount = sessions.filter((s) => !isArchived(s) && unread(s)).length
  const archivedCount = sessions.filter(isArchived).length
  const empty = sections.waiting.length + sections.working.length + sections.pinned.length + sections.groups.length === 0

  const now = useNow(60_000, filter.days !== null)
  const days = filter.days ? daysText(filter.days, now, t) : null
  const pickedSessions = picked ? sessions.filter((s) => picked.has(s.id)) : []
  const allPinned = pickedSessions.every((s) => s.globalPinned)

  const pick = (id: string) => {
    const next = new Set(picked ?? [])
    if (!next.delete(id)) next.add(id)
    setPicked(next.size > 0 ? next : null)
  }
  const take = () => {
    const ids = [...(picked ?? [])]
    setPicked(null)
    return ids
  }

  const row = (s: SessionSummary, extra: { line?: string; needs?: boolean } = {}) => (
    <Row
      key={s.id}
      session={s}
      unread={unread(s)}
      selected={s.id === selectedId}
      picked={picked ? picked.has(s.id) : null}
      menu={extra.needs ? undefined : renderMenu(s)}
      onOpen={() => onOpen(s.id)}
      onPick={() => pick(s.id)}
      {...(isArchived(s) ? {} : { onSwipe: () => archive.start([s.id], 'bulk.archived') })}
      {...extra}
    />
  )

  return (
    <div className="flex h-full min-h-0 flex-col">
      {picked ? (
        <header className="flex min-h-14 items-center gap-1 border-b border-line pr-2 pl-4">
          <span className="min-w-0 flex-1 text-m font-semibold">{t.count('bulk.picked', picked.size)}</span>
          <IconButton label={t('bulk.read')} onClick={() => { for (const id of take()) marks.seen(id, sessions.find((s) => s.id === id)?.updatedAt ?? Date.now()) }}>
            <Eye />
          </IconButton>
          <IconButton
            label={t(allPinned ? 'menu.unpinTop' : 'menu.pinTop')}
            onClick={() => void pinAll(hub, take(), allPinned ? 'none' : 'global', t)}
          >
            {allPinned ? <PinOff /> : <Pin />}
          </IconButton>
          <IconButton label={t('menu.archive')} onClick={() => archive.start(take(), 'bulk.archived')}>
            <Archive />
          </IconButton>
          <IconButton
            label={t('menu.delete')}
            disabled={sessions.some((s) => picked.has(s.id) && s.active)}
            onClick={() => remove.start(take(), 'bulk.deleted')}
          >
            <Trash2 />
          </IconButton>
          <IconButton label={t('common.cancel')} onClick={() => setPicked(null)}>
            <X />
          </IconButton>
        </header>
      ) : beside ? (
        <div className="px-3 pt-2.5 pb-0.5">
          <button type="button" onClick={onPalette} className="flex h-9 w-full items-center gap-2 rounded-m bg-sunken px-3 text-s text-ink-2 hover:text-ink">
            <Search className="size-4" />
            <span className="min-w-0 flex-1 truncate text-left">{t('palette.hint')}</span>
            <kbd className="rounded-[4px] border border-line bg-raised px-1">{/Mac|iP/.test(navigator.platform) ? '⌘K' : 'Ctrl K'}</kbd>
          </button>
        </div>
      ) : (
        <header className="flex min-h-14 items-center border-b border-line pr-1 pl-4">
          <h1 className="min-w-0 flex-1 text-xl font-semibold">{t('inbox.title')}</h1>
          <IconButton
            label={t('inbox.search')}
            aria-expanded={searching}
            onClick={() => {
              setSearching(!searching)
              setFilter({ ...filter, search: '' })
            }}
          >
            <Search />
          </IconButton>
          <IconButton label={t('settings.title')} onClick={onSettings}>
            <Settings />
          </IconButton>
          <IconButton label={t('new.title')} tone="accent" onClick={() => onNew()}>
            <Plus />
          </IconButton>
        </header>
      )}

      {searching && !beside ? (
        <div className="px-3 pt-2">
          <input
            type="search"
            autoFocus
            value={filter.search}
            onChange={(e) => setFilter({ ...filter, search: e.target.value })}
            aria-label={t('inbox.search')}
            placeholder={t('inbox.searchHint')}
            className="h-10 w-full rounded-m bg-sunken px-3 outline-none placeholder:text-ink-2 focus-visible:ring-1 focus-visible:ring-accent"
          />
        </div>
      ) : null}

      {sessions.length > 0 ? (
        <div role="group" aria-label={t('inbox.filters')} className="flex gap-1.5 overflow-x-auto px-4 pt-2 pb-0.5 [scrollbar-width:none]">
          <Chip on={!filter.unread && !filter.archived && filter.machineId === null && filter.days === null} onClick={() => setFilter({ ...noFilter, search: filter.search })}>
            {t('inbox.all')}
          </Chip>
          <Chip on={filter.unread} onClick={() => setFilter({ ...filter, unread: !filter.unread, archived: false })}>
            {t('inbox.unread')} {unreadCount > 0 ? unreadCount : ''}
          </Chip>
          <Chip on={filter.days !== null} label={days ? `${t('days.title')}: ${days}` : t('days.title')} onClick={() => setChoosingDays(true)}>
            <CalendarDays aria-hidden className="size-4" />
            {days}
          </Chip>
          {machines.length > 1
            ? machines.map((m) => (
                <Chip key={m.id} on={filter.machineId === m.id} onClick={() => setFilter({ ...filter, machineId: filter.machineId === m.id ? null : m.id })}>
                  <Dot tone="good" />
                  {machineName(m)}
                </Chip>
              ))
            : null}
          {archivedCount > 0 ? (
            <Chip on={filter.archived} onClick={() => setFilter({ ...filter, archived: !filter.archived, unread: false })}>
              {t('inbox.archived')}
            </Chip>
          ) : null}
        </div>
      ) : null}
      {choosingDays ? (
        <Suspense>
          <DayFilter open value={filter.days} active={sessions.map((s) => s.updatedAt)} onClose={() => setChoosingDays(false)} onChange={(days) => setFilter({ ...filter, days })} />
        </Suspense>
      ) : null}

      <nav ref={scroller} aria-label={t('inbox.title')} className="quiet-scroll min-h-0 flex-1 overflow-y-auto overscroll-contain pt-1 pb-4">
        <PullHint pull={pull} />
        {isPending ? (
          <Skeleton rows={6} label={t('common.loading')} />
        ) : error && !data ? (
          <Failure title={t('inbox.failed')} error={errorText(error)} retry={() => void refetch()} retryLabel={t('common.retry')} />
        ) : empty ? (
          sessions.length === 0 ? (
            <Notice title={t('inbox.empty')} action={<Button look="primary" onClick={() => onNew()}>{t('new.title')}</Button>}>
              {t('inbox.emptyHint')}
            </Notice>
          ) : (
            <Notice title={t('inbox.noMatch')} action={<Button onClick={() => { setFilter(noFilter); setSearching(false) }}>{t('inbox.showAll')}</Button>} />
          )
        ) : (
          <>
            {sections.waiting.length > 0 ? (
              <section aria-live="polite">
                <Heading strong count={sections.waiting.length}>
                  {t('inbox.needsYou')}
                </Heading>
                {sections.waiting.map((s) => (
                  <div key={s.id}>{renderNeed(s, (line) => row(s, { line, needs: true }))}</div>
                ))}
              </section>
            ) : null}
            {sections.working.length > 0 ? (
              <section>
                <Heading count={sections.working.length}>{t('inbox.working')}</Heading>
                {sections.working.map((s) => row(s))}
              </section>
            ) : null}
            {sections.pinned.length > 0 ? (
              <section>
                <Heading count={sections.pinned.length}>{t('inbox.pinned')}</Heading>
                {sections.pinned.map((s) => row(s))}
              </section>
            ) : null}
            {sections.groups.map((g) => (
              <Folder key={g.key} group={g} machine={nameOf(g.machineId)} searching={filter.search !== ''} selectedId={selectedId} onNew={() => onNew({ ...(g.machineId ? { machineId: g.machineId } : {}), directory: g.path })}>
                {row}
              </Folder>
            ))}
          </>
        )}
      </nav>
      {foot}
    </div>
  )
}

function Chip({ on, label, onClick, children }: { on: boolean; label?: string; onClick(): void; children: ReactNode }) {
  return (
    <button
      type="button"
      aria-pressed={on}
      aria-label={label}
      title={label}
      onClick={onClick}
      className={cx('inline-flex items-center gap-1.5 rounded-full border px-3 py-[5px] text-s leading-[18px] font-medium whitespace-nowrap transition-colors touch:py-2', on ? 'border-transparent bg-ink text-surface' : 'border-line text-ink-2 hover:text-ink')}
    >
      {children}
    </button>
  )
}

function Heading({ children, count, strong }: { children: ReactNode; count: number; strong?: boolean }) {
  return (
    <h2 className={cx('flex items-baseline justify-between px-4 pt-4 pb-1.5 text-xs font-semibold tracking-[0.02em]', strong ? 'text-ink' : 'text-ink-2')}>
      {children}
      <span className="font-normal text-ink-2 num">{count}</span>
    </h2>
  )
}

const folderButton = 'grid size-7 place-items-center rounded-s opacity-0 group-focus-within/folder:opacity-100 group-hover/folder:opacity-100 hover:bg-sunken'

interface FolderProps {
  group: Group
  machine: string
  searching: boolean
  selectedId: string | undefined
  onNew(): void
  children(session: SessionSummary): ReactNode
}

function Folder({ group, machine, searching, selectedId, onNew, children }: FolderProps) {
  const t = useT()
  const limit = Number(localStorage.getItem(previewKey)) || shownOfGroup
  const [closed, setClosed] = useState(false)
  const [all, setAll] = useState(false)
  const open = !closed || searching || group.sessions.some((s) => s.id === selectedId)
  const shown = all || searching ? group.sessions : group.sessions.filter((s, i) => i < limit || s.id === selectedId)
  const label = group.path ? tail(group.path, 1) : t('inbox.noFolder')
  return (
    <section className="group/folder">
      <h2 className="flex items-center justify-between gap-2 pt-3 pr-4 pl-4 text-xs font-semibold tracking-[0.02em] text-ink-2">
        <button type="button" aria-expanded={open} onClick={() => setClosed(!closed)} title={homePath(group.path)} className="flex min-h-7 min-w-0 items-center gap-1 hover:text-ink">
          <span className="truncate">{label}</span>
          <ChevronRight aria-hidden className={cx('size-3 shrink-0 transition-transform', open ? 'rotate-90 opacity-0 group-hover/folder:opacity-100' : '')} />
          {open ? null : <span className="font-normal num">{group.sessions.length}</span>}
        </button>
        <span className="flex items-center gap-1 font-normal">
          {group.path ? (
            <button type="button" onClick={() => void copyText(group.path).then((ok) => ok && showToast({ text: t('common.copied') }))} aria-label={t('inbox.copyPath', { path: group.path })} title={t('inbox.copyPath', { path: group.path })} className={cx(folderButton, 'touch:hidden')}>
              <Copy className="size-3.5" />
            </button>
          ) : null}
          <button type="button" onClick={onNew} aria-label={t('new.here', { folder: label })} title={t('new.here', { folder: label })} className={cx(folderButton, 'touch:size-9 touch:opacity-100')}>
            <Plus className="size-4" />
          </button>
          <span className="max-w-32 truncate">{machine}</span>
        </span>
      </h2>
      {open ? shown.map((s) => children(s)) : null}
      {open && shown.length < group.sessions.length ? (
        <button type="button" onClick={() => setAll(true)} className="min-h-9 px-4 pl-15 text-s text-ink-2 hover:text-ink touch:min-h-11">
          {t.count('inbox.more', group.sessions.length - shown.length)}
        </button>
      ) : null}
    </section>
  )
}
