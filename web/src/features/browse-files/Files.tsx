import { useQuery, useQueryClient } from '@tanstack/react-query'
import { ArrowDownUp, ChevronRight, Download, File as FileIcon, Folder, GitBranch, RefreshCw, Search } from 'lucide-react'
import { useEffect, useMemo, useState, type ReactNode } from 'react'
import { api } from '@/api/hub'
import { errorText } from '@/api/client'
import { useT, type Key } from '@/i18n'
import { useLive, useNow } from '@/live/hooks'
import { sorted, type Order } from '@/model/directory'
import { parseStatus, type ChangedFile } from '@/model/git'
import { ago } from '@/model/time'
import { Button, IconButton } from '@/ui/Button'
import { Counts } from '@/ui/Diff'
import { Segmented } from '@/ui/Fields'
import { Menu, MenuChoices } from '@/ui/Menu'
import { Failure, Notice, Skeleton } from '@/ui/States'
import { cx } from '@/ui/cx'
import { save } from '@/ui/save'
import { showToast } from '@/ui/toast'
import { contentOf } from './content'

export type Tab = 'changes' | 'directories' | 'turn'

export interface TurnFile {
  path: string
  added: number
  removed: number
}

interface Props {
  sessionId: string
  tab: Tab
  query: string
  /** Files the agent changed since the person's last message. */
  turn: readonly TurnFile[]
  selected?: string | undefined
  onTab(tab: Tab): void
  onQuery(query: string): void
  onFile(path: string, how: { staged?: boolean; view: 'diff' | 'file' }): void
}

const searchAfter = 150
const hits = 200

/** The project of a session: what changed, everything, or what the search finds. */
export function Files({ sessionId, tab, query, turn, selected, onTab, onQuery, onFile }: Props) {
  const t = useT()
  const [text, setText] = useState(query)
  useEffect(() => {
    if (text === query) return
    const timer = setTimeout(() => onQuery(text), searchAfter)
    return () => clearTimeout(timer)
  }, [text, query, onQuery])
  return (
    <div className="flex min-h-0 flex-1 flex-col">
      <div className="flex flex-col gap-2 p-3 pb-1">
        <label className="flex h-10 items-center gap-2 rounded-m bg-sunken px-3 focus-within:ring-1 focus-within:ring-accent">
          <Search aria-hidden className="size-4 text-ink-2" />
          <input type="search" value={text} onChange={(e) => setText(e.target.value)} aria-label={t('files.search')} placeholder={t('files.search')} className="min-w-0 flex-1 bg-transparent outline-none placeholder:text-ink-2" />
        </label>
        {query ? null : (
          <Segmented<Tab>
            label={t('files.title')}
            value={tab}
            options={[
              { value: 'changes', label: t('files.changes') },
              { value: 'turn', label: turn.length > 0 ? `${t('files.turn')} ${turn.length}` : t('files.turn') },
              { value: 'directories', label: t('files.all') },
            ]}
            onChange={onTab}
          />
        )}
      </div>
      <div className="quiet-scroll min-h-0 flex-1 overflow-y-auto pb-6">
        {query ? <Found sessionId={sessionId} query={query} onFile={onFile} /> : tab === 'changes' ? <Changes sessionId={sessionId} selected={selected} onFile={onFile} /> : tab === 'turn' ? <Turn files={turn} selected={selected} onFile={onFile} /> : <AllFiles sessionId={sessionId} onFile={onFile} />}
      </div>
    </div>
  )
}

export function useChanges(sessionId: string) {
  const { hub } = useLive()
  return useQuery({
    queryKey: ['git', sessionId],
    queryFn: async () => {
      const [status, staged, unstaged] = await Promise.all([api.gitStatus(hub, sessionId), api.gitNumstat(hub, sessionId, true), api.gitNumstat(hub, sessionId, false)])
      if (!status.success) throw new Error(status.stderr?.trim() || status.error || '')
      return parseStatus(status.stdout ?? '', staged.stdout ?? '', unstaged.stdout ?? '')
    },
    staleTime: 5_000,
    retry: 0,
  })
}

function Changes({ sessionId, selected, onFile }: { sessionId: string; selected: string | undefined; onFile: Props['onFile'] }) {
  const t = useT()
  const queries = useQueryClient()
  const { data, error, isPending, isFetching, refetch } = useChanges(sessionId)
  if (isPending) return <Skeleton rows={4} label={t('common.loading')} />
  if (!data) {
    const words = errorText(error)
    return /not a git repository/i.test(words) ? <Notice title={t('files.noGit')}>{t('files.noGitHint')}</Notice> : <Failure title={t('files.failed')} error={words} retry={() => void refetch()} retryLabel={t('common.retry')} />
  }
  return (
    <>
      <p className="flex items-center gap-1.5 px-4 text-s text-ink-2">
        <GitBranch className="size-4" />
        <span className="min-w-0 flex-1 truncate">
          {data.branch}
          {data.ahead > 0 ? ` ↑${data.ahead}` : ''}
          {data.behind > 0 ? ` ↓${data.behind}` : ''}
        </span>
        <IconButton label={t('files.refresh')} disabled={isFetching} onClick={() => void queries.invalidateQueries({ queryKey: ['git', sessionId] })}>
          <RefreshCw className={cx('size-4!', isFetching && 'animate-spin')} />
        </IconButton>
      </p>
      {data.staged.length + data.unstaged.length === 0 ? <Notice title={t('files.clean')} /> : null}
      <ChangeList heading="files.staged" files={data.staged} selected={selected} onFile={onFile} />
      <ChangeList heading="files.unstaged" files={data.unstaged} selected={selected} onFile={onFile} />
    </>
  )
}

const statusWords: Record<string, Key> = { M: 'git.modified', A: 'git.added', D: 'git.deleted', R: 'git.renamed', U: 'git.conflict', '?': 'git.untracked' }

function ChangeList({ heading, files, selected, onFile }: { heading: Key; files: readonly ChangedFile[]; selected: string | undefined; onFile: Props['onFile'] }) {
  const t = useT()
  if (files.length === 0) return null
  return (
    <section>
      <h2 className="flex justify-between px-4 pt-3 pb-1 text-xs font-semibold text-ink-2">
        {t(heading)} <span className="font-normal num">{files.length}</span>
      </h2>
      <ul>
        {files.map((f) => {
          const word = statusWords[f.status]
          return (
            <FileRow key={f.path} path={f.path} selected={f.path === selected} lead={<span className={cx('w-4 text-center font-mono', f.status === 'D' || f.status === 'U' ? 'text-bad' : f.status === 'M' || f.status === 'R' ? 'text-ink-2' : 'text-good')} title={word ? t(word) : f.status}>{f.status}</span>} onOpen={() => onFile(f.path, { staged: f.staged, view: f.status === '?' ? 'file' : 'diff' })}>
              {f.added === null || f.removed === null ? null : <Counts added={f.added} removed={f.removed} />}
            </FileRow>
          )
        })}
      </ul>
    </section>
  )
}

function FileRow({ path, lead, children, selected, onOpen }: { path: string; lead: ReactNode; children?: ReactNode; selected?: boolean; onOpen(): void }) {
  const at = path.lastIndexOf('/')
  return (
    <li>
      <button type="button" aria-current={selected ? 'true' : undefined} onClick={onOpen} className={cx('flex min-h-10 w-full items-center gap-3 px-4 text-left text-s hover:bg-sunken touch:min-h-12', selected && 'bg-sunken')}>
        {lead}
        <span className="min-w-0 flex-1">
          <span className="block truncate text-m leading-5">{path.slice(at + 1)}</span>
          {at > 0 ? <span className="block truncate text-xs text-ink-2">{path.slice(0, at)}</span> : null}
        </span>
        {children}
      </button>
    </li>
  )
}

function Turn({ files, selected, onFile }: { files: readonly TurnFile[]; selected: string | undefined; onFile: Props['onFile'] }) {
  const t = useT()
  if (files.length === 0) return <Notice title={t('files.turnNone')} />
  return (
    <ul className="pt-1">
      {files.map((f) => (
        <FileRow key={f.path} path={f.path} selected={f.path === selected} lead={<FileIcon className="size-4 text-ink-2" />} onOpen={() => onFile(f.path, { view: 'diff' })}>
          <Counts added={f.added} removed={f.removed} />
        </FileRow>
      ))}
    </ul>
  )
}

function Found({ sessionId, query, onFile }: { sessionId: string; query: string; onFile: Props['onFile'] }) {
  const t = useT()
  const { hub } = useLive()
  const { data, error, isPending, refetch } = useQuery({ queryKey: ['files', sessionId, query, hits], queryFn: ({ signal }) => api.files(hub, sessionId, query, hits, signal), staleTime: 10_000, retry: 0, placeholderData: (before) => before })
  const failure = error ? errorText(error) : data && !data.success ? (data.error ?? '') : null
  if (isPending) return <Skeleton rows={4} label={t('common.loading')} />
  if (failure !== null) return <Failure title={t('files.failed')} error={failure} retry={() => void refetch()} retryLabel={t('common.retry')} />
  const files = data?.files ?? []
  if (files.length === 0) return <Notice title={t('files.noMatch')} />
  return (
    <ul className="pt-1">
      {files.map((f) => (
        <FileRow key={f.fullPath} path={f.fullPath} lead={<FileIcon className="size-4 text-ink-2" />} onOpen={() => onFile(f.fullPath, { view: 'file' })} />
      ))}
    </ul>
  )
}

const expandedKey = (sessionId: string) => `hapi-dir-expanded-${sessionId}`

const sortKey = 'hapi-directory-sort'
const orders: readonly { value: Order; label: Key }[] = [
  { value: 'name', label: 'files.byName' },
  { value: 'modified', label: 'files.byModified' },
  { value: 'size', label: 'files.bySize' },
]

function AllFiles({ sessionId, onFile }: { sessionId: string; onFile: Props['onFile'] }) {
  const t = useT()
  const [order, setOrder] = useState<Order>(() => orders.find((o) => o.value === localStorage.getItem(sortKey))?.value ?? 'name')
  return (
    <>
      <div className="flex justify-end px-2">
        <Menu
          trigger={
            <Button look="quiet" className="px-2!">
              <ArrowDownUp className="size-4" />
              {t(orders.find((o) => o.value === order)?.label ?? 'files.byName')}
            </Button>
          }
        >
          <MenuChoices
            value={order}
            choices={orders.map((o) => ({ value: o.value, label: t(o.label) }))}
            onChange={(next) => {
              setOrder(next as Order)
              localStorage.setItem(sortKey, next)
            }}
          />
        </Menu>
      </div>
      <Tree sessionId={sessionId} path="" depth={0} order={order} onFile={onFile} />
    </>
  )
}

function Tree({ sessionId, path, depth, order, onFile }: { sessionId: string; path: string; depth: number; order: Order; onFile: Props['onFile'] }) {
  const t = useT()
  const { hub } = useLive()
  const { data, error, isPending, refetch } = useQuery({ queryKey: ['directory', sessionId, path], queryFn: () => api.directory(hub, sessionId, path), staleTime: 10_000, retry: 0 })
  const [open, setOpen] = useState<ReadonlySet<string>>(() => new Set(JSON.parse(sessionStorage.getItem(expandedKey(sessionId)) ?? '[]') as string[]))
  const entries = useMemo(() => sorted(data?.entries ?? [], order), [data, order])
  const now = useNow(60_000, order === 'modified')
  const failure = error ? errorText(error) : data && !data.success ? (data.error ?? '') : null
  if (isPending) return depth === 0 ? <Skeleton rows={6} label={t('common.loading')} /> : null
  if (failure !== null) return <Failure title={t('files.failed')} error={failure} retry={() => void refetch()} retryLabel={t('common.retry')} />
  const toggle = (full: string) => {
    const all = new Set(JSON.parse(sessionStorage.getItem(expandedKey(sessionId)) ?? '[]') as string[])
    if (!all.delete(full)) all.add(full)
    sessionStorage.setItem(expandedKey(sessionId), JSON.stringify([...all]))
    setOpen(all)
  }
  const download = async (full: string, name: string) => {
    try {
      save(name, await contentOf(hub, sessionId, full))
    } catch (error) {
      showToast({ text: `${t('file.notDownloaded', { name })} ${errorText(error)}` })
    }
  }
  return (
    <ul className={depth === 0 ? 'pt-1' : ''}>
      {entries.length === 0 ? <li className="px-4 py-2 text-s text-ink-2">{t('folder.empty')}</li> : null}
      {entries.map((e) => {
        const full = path ? `${path}/${e.name}` : e.name
        const folder = e.type === 'directory'
        return (
          <li key={e.name}>
            <div className="group flex items-center pr-2 hover:bg-sunken">
              <button type="button" aria-expanded={folder ? open.has(full) : undefined} onClick={() => (folder ? toggle(full) : onFile(full, { view: 'file' }))} style={{ paddingLeft: 16 + depth * 16 }} className="flex min-h-9 min-w-0 flex-1 items-center gap-2 pr-2 text-left text-s touch:min-h-11">
                {folder ? <ChevronRight className={cx('size-4 text-ink-2 transition-transform', open.has(full) && 'rotate-90')} /> : <span className="w-4" />}
                {folder ? <Folder className="size-4 text-ink-2" /> : <FileIcon className="size-4 text-ink-2" />}
                <span className="min-w-0 flex-1 truncate">{e.name}</span>
                {order === 'modified' && e.modified ? <span className="text-xs text-ink-2 num">{ago(e.modified, now, t)}</span> : e.size === undefined || folder ? null : <span className="text-xs text-ink-2 num">{sizeOf(e.size, t.language)}</span>}
              </button>
              {e.type === 'file' ? (
                <IconButton label={t('file.downloadOf', { name: e.name })} className="opacity-0 group-focus-within:opacity-100 group-hover:opacity-100 touch:opacity-100" onClick={() => void download(full, e.name)}>
                  <Download className="size-4!" />
                </IconButton>
              ) : null}
            </div>
            {folder && open.has(full) ? <Tree sessionId={sessionId} path={full} depth={depth + 1} order={order} onFile={onFile} /> : null}
          </li>
        )
      })}
    </ul>
  )
}

export function sizeOf(bytes: number, language: string): string {
  const [unit, n] = bytes < 1000 ? (['byte', bytes] as const) : bytes < 1e6 ? (['kilobyte', bytes / 1e3] as const) : (['megabyte', bytes / 1e6] as const)
  return n.toLocaleString(language, { style: 'unit', unit, unitDisplay: unit === 'byte' ? 'long' : 'short', maximumFractionDigits: n < 10 && unit !== 'byte' ? 1 : 0 })
}
