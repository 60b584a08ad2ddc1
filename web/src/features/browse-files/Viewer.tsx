import { useQuery } from '@tanstack/react-query'
import { ChevronLeft, ChevronRight, Copy, Download, EllipsisVertical, WrapText } from 'lucide-react'
import { useEffect, useMemo, useRef, useState, type ReactNode } from 'react'
import { api } from '@/api/hub'
import { errorText } from '@/api/client'
import { useT } from '@/i18n'
import { useLive } from '@/live/hooks'
import { parseUnified, type Hunk } from '@/model/diff'
import { Button, IconButton } from '@/ui/Button'
import { Highlighted } from '@/ui/Code'
import { copyText } from '@/ui/copy'
import { Counts, SplitDiff, UnifiedDiff } from '@/ui/Diff'
import { Segmented } from '@/ui/Fields'
import { languageOf } from '@/ui/highlight'
import { Markdown } from '@/ui/Markdown'
import { Menu, MenuItem } from '@/ui/Menu'
import { Failure, Notice, Skeleton } from '@/ui/States'
import { save } from '@/ui/save'
import { showToast } from '@/ui/toast'
import { contentOf } from './content'

export interface Place {
  path: string
  staged: boolean
  view: 'diff' | 'file'
}

interface Props {
  sessionId: string
  place: Place
  /** Where it stands among the changed files. */
  position: { at: number; of: number } | null
  wide: boolean
  /** The change as the conversation tells it, when git has none. */
  turnHunks: readonly Hunk[]
  bar(title: ReactNode, line: ReactNode, tools: ReactNode): ReactNode
  onView(view: 'diff' | 'file'): void
  onStep(by: 1 | -1): void
  onAsk(text: string): void
}

const wrapKey = 'hapi-code-wrap'
const splitKey = 'hapi-diff-split'
const imageTypes: Record<string, string> = { png: 'image/png', jpg: 'image/jpeg', jpeg: 'image/jpeg', gif: 'image/gif', webp: 'image/webp', avif: 'image/avif', ico: 'image/x-icon', svg: 'image/svg+xml' }

/** One file: what changed in it, or all of it. */
export function Viewer({ sessionId, place, position, wide, turnHunks, bar, onView, onStep, onAsk }: Props) {
  const t = useT()
  const { hub } = useLive()
  const [wrap, setWrap] = useState(() => localStorage.getItem(wrapKey) === '1')
  const [split, setSplit] = useState(() => localStorage.getItem(splitKey) === '1')
  const body = useRef<HTMLDivElement>(null)
  const at = place.path.lastIndexOf('/')
  const name = place.path.slice(at + 1)

  const diff = useQuery({
    queryKey: ['diff', sessionId, place.path, place.staged],
    queryFn: async () => {
      const answer = await api.gitDiff(hub, sessionId, place.path, place.staged)
      if (!answer.success) throw new Error(answer.stderr?.trim() || answer.error || '')
      return parseUnified(answer.stdout ?? '')[0] ?? null
    },
    retry: 0,
    staleTime: 5_000,
  })
  const file = useQuery({
    queryKey: ['file', sessionId, place.path],
    queryFn: () => contentOf(hub, sessionId, place.path),
    enabled: place.view === 'file',
    retry: 0,
    staleTime: 5_000,
  })

  const content = file.data
  const hunks = diff.data?.hunks.length ? diff.data.hunks : turnHunks
  const counts = useMemo(() => ({ added: hunks.flatMap((h) => h.lines).filter((l) => l.kind === 'add').length, removed: hunks.flatMap((h) => h.lines).filter((l) => l.kind === 'del').length }), [hunks])

  useEffect(() => {
    const onKey = (e: KeyboardEvent) => {
      if (e.target instanceof HTMLInputElement || e.target instanceof HTMLTextAreaElement || e.metaKey || e.ctrlKey) return
      if (e.key === 'j') onStep(1)
      else if (e.key === 'k') onStep(-1)
      else if (e.key === ']' || e.key === '[') {
        const all = [...(body.current?.querySelectorAll<HTMLElement>('[data-hunk]') ?? [])]
        const top = body.current?.getBoundingClientRect().top ?? 0
        const next = e.key === ']' ? all.find((h) => h.getBoundingClientRect().top > top + 4) : all.findLast((h) => h.getBoundingClientRect().top < top - 4)
        next?.scrollIntoView({ block: 'start' })
      }
    }
    window.addEventListener('keydown', onKey)
    return () => window.removeEventListener('keydown', onKey)
  }, [onStep])

  const ask = () => {
    const picked = String(getSelection()).trim()
    onAsk(picked ? `@${place.path}\n\n\`\`\`\n${picked}\n\`\`\`\n` : `@${place.path} `)
  }

  return (
    <>
      {bar(
        name,
        <>
          <span className="truncate">
            {at > 0 ? `${place.path.slice(0, at)} · ` : ''}
            {position ? `${t('file.position', position)} · ` : ''}
          </span>
          <Counts {...counts} />
        </>,
        <>
          {position && position.of > 1 ? (
            <>
              {wide ? (
                <IconButton label={t('file.previous')} disabled={position.at <= 1} onClick={() => onStep(-1)}>
                  <ChevronLeft />
                </IconButton>
              ) : null}
              <IconButton label={t('file.next')} disabled={position.at >= position.of} onClick={() => onStep(1)}>
                <ChevronRight />
              </IconButton>
            </>
          ) : null}
          <Menu
            trigger={
              <IconButton label={t('menu.title')}>
                <EllipsisVertical />
              </IconButton>
            }
          >
            <MenuItem icon={<WrapText />} onSelect={() => { setWrap(!wrap); localStorage.setItem(wrapKey, wrap ? '0' : '1') }}>
              {t(wrap ? 'file.noWrap' : 'code.wrap')}
            </MenuItem>
            <MenuItem icon={<Copy />} onSelect={() => void copyText(place.path).then((ok) => ok && showToast({ text: t('common.copied') }))}>
              {t('file.copyPath')}
            </MenuItem>
            {file.data && file.data.length <= 1e6 ? (
              <MenuItem icon={<Copy />} onSelect={() => void copyText(new TextDecoder().decode(file.data)).then((ok) => ok && showToast({ text: t('common.copied') }))}>
                {t('file.copyContent')}
              </MenuItem>
            ) : null}
            {content ? (
              <MenuItem icon={<Download />} onSelect={() => save(name, content)}>
                {t('file.download')}
              </MenuItem>
            ) : null}
          </Menu>
        </>,
      )}
      <div className="flex items-center gap-2 border-b border-line px-3 py-2">
        <div className="w-52">
          <Segmented label={t('file.view')} value={place.view} options={[{ value: 'diff', label: t('file.diff') }, { value: 'file', label: t('file.whole') }]} onChange={onView} />
        </div>
        {wide && place.view === 'diff' ? (
          <div className="w-60">
            <Segmented label={t('diff.label')} value={split ? 'split' : 'one'} options={[{ value: 'one', label: t('diff.one') }, { value: 'split', label: t('diff.split') }]} onChange={(v) => { setSplit(v === 'split'); localStorage.setItem(splitKey, v === 'split' ? '1' : '0') }} />
          </div>
        ) : null}
      </div>
      <div ref={body} className="quiet-scroll min-h-0 flex-1 overflow-auto bg-raised">
        {place.view === 'diff' ? (
          diff.isPending ? (
            <Skeleton rows={6} label={t('common.loading')} />
          ) : hunks.length > 0 ? (
            split && wide ? <SplitDiff hunks={hunks} /> : <UnifiedDiff hunks={hunks} wrap={wrap} className="py-2" />
          ) : diff.data?.binary ? (
            <Notice title={t('file.binary')} />
          ) : diff.error ? (
            <Failure title={t('files.failed')} error={errorText(diff.error)} retry={() => void diff.refetch()} retryLabel={t('common.retry')} />
          ) : (
            <Notice title={t('file.unchanged')} action={<Button onClick={() => onView('file')}>{t('file.whole')}</Button>} />
          )
        ) : file.isPending ? (
          <Skeleton rows={6} label={t('common.loading')} />
        ) : file.data ? (
          <Whole path={place.path} bytes={file.data} wrap={wrap} />
        ) : (
          <Failure title={t('files.failed')} error={errorText(file.error)} retry={() => void file.refetch()} retryLabel={t('common.retry')} />
        )}
      </div>
      <footer className="flex gap-2 border-t border-line px-3 pt-2 safe-bottom">
        <Button grow onClick={ask}>
          {t('file.comment')}
        </Button>
        <Button grow onClick={() => onView(place.view === 'diff' ? 'file' : 'diff')}>
          {t(place.view === 'diff' ? 'file.open' : 'file.showDiff')}
        </Button>
        {position && position.at < position.of ? (
          <Button grow look="primary" onClick={() => onStep(1)}>
            {t('file.next')}
          </Button>
        ) : null}
      </footer>
    </>
  )
}

/** NUL, or many control bytes: nobody wants to read it as text. */
export function isBinary(bytes: Uint8Array): boolean {
  const head = bytes.subarray(0, 8000)
  let odd = 0
  for (const b of head) {
    if (b === 0) return true
    if (b < 9 || (b > 13 && b < 32)) odd++
  }
  return odd > head.length / 10
}

function Whole({ path, bytes, wrap }: { path: string; bytes: Uint8Array<ArrayBuffer>; wrap: boolean }) {
  const t = useT()
  const type = imageTypes[path.split('.').at(-1)?.toLowerCase() ?? '']
  const [source, setSource] = useState(false)
  const url = useMemo(() => (type ? URL.createObjectURL(new Blob([bytes], { type })) : null), [type, bytes])
  useEffect(() => () => (url ? URL.revokeObjectURL(url) : undefined), [url])
  if (url) return <img src={url} alt={path} className="mx-auto max-w-full p-4" />
  if (bytes.length === 0) return <Notice title={t('file.empty')} />
  if (isBinary(bytes)) return <Notice title={t('file.binary')} />
  const text = new TextDecoder().decode(bytes)
  const markdown = languageOf(path) === 'markdown'
  if (markdown && !source) {
    return (
      <div className="mx-auto max-w-[760px] px-4 py-3">
        <Button look="quiet" className="mb-2 px-2!" onClick={() => setSource(true)}>
          {t('file.source')}
        </Button>
        <Markdown text={text} />
      </div>
    )
  }
  return <Numbered text={text} language={languageOf(path)} wrap={wrap} />
}

function Numbered({ text, language, wrap }: { text: string; language: string | null; wrap: boolean }) {
  const lines = text.replace(/\n$/, '').split('\n').length
  return (
    <div className="grid w-max min-w-full grid-cols-[auto_1fr] py-2">
      <pre aria-hidden className="px-3 text-right text-ink-2 select-none num">
        {wrap ? '' : Array.from({ length: lines }, (_, i) => i + 1).join('\n')}
      </pre>
      <pre tabIndex={0} className={wrap ? 'max-w-dvw pr-3 [overflow-wrap:anywhere] whitespace-pre-wrap' : 'pr-3'}>
        <code>
          <Highlighted code={text} language={language} />
        </code>
      </pre>
    </div>
  )
}
