import { useNavigate, useParams, useSearch } from '@tanstack/react-router'
import { useCallback, useMemo } from 'react'
import { useT } from '@/i18n'
import { Files, useChanges } from '@/features/browse-files/Files'
import { Viewer } from '@/features/browse-files/Viewer'
import { decodePath, encodePath } from '@/model/path'
import { Notice } from '@/ui/States'
import { PageBar } from '../PageBar'
import { giveShared } from '../shared'
import { useTurnFiles } from '../useTurnFiles'
import { useDesk, useWide } from '../useWide'

export function FilePage() {
  const t = useT()
  const wide = useWide()
  const desk = useDesk()
  const navigate = useNavigate()
  const { id } = useParams({ from: '/shell/sessions/$id/file' })
  const search = useSearch({ from: '/shell/sessions/$id/file' })
  const path = decodePath(search.path)
  const turn = useTurnFiles(id)
  const { data: changes } = useChanges(id)
  const list = useMemo(() => {
    if (search.tab === 'turn') return turn.map((f) => ({ path: f.path, staged: false }))
    return [...(changes?.staged ?? []), ...(changes?.unstaged ?? [])].map((f) => ({ path: f.path, staged: f.staged }))
  }, [search.tab, turn, changes])
  const index = list.findIndex((f) => f.path === path && (search.tab === 'turn' || f.staged === (search.staged ?? false)))

  const open = useCallback(
    (next: string, staged: boolean, view: 'diff' | 'file') => {
      const { staged: _, ...rest } = search
      void navigate({ to: '/sessions/$id/file', params: { id }, search: { ...rest, path: encodePath(next), view, ...(staged ? { staged } : {}) }, replace: true })
    },
    [navigate, id, search],
  )
  const onStep = useCallback(
    (by: 1 | -1) => {
      const next = list[index + by]
      if (index >= 0 && next) open(next.path, next.staged, 'diff')
    },
    [list, index, open],
  )
  const back = () => {
    if (search.origin === 'chat') void navigate({ to: '/sessions/$id', params: { id } })
    else void navigate({ to: '/sessions/$id/files', params: { id }, search: { ...(search.tab ? { tab: search.tab } : {}), ...(search.query ? { query: search.query } : {}) } })
  }
  if (path === null || path === '') {
    return (
      <>
        <PageBar title={t('files.title')} back={back} />
        <Notice title={t('file.badAddress')} />
      </>
    )
  }
  return (
    <div className="flex min-h-0 flex-1">
      {desk ? (
        <div className="flex w-72 shrink-0 flex-col border-r border-line">
          <Files sessionId={id} tab={search.tab ?? 'changes'} query={search.query ?? ''} turn={turn} selected={path} onTab={(tab) => void navigate({ to: '/sessions/$id/files', params: { id }, search: tab === 'changes' ? {} : { tab } })} onQuery={(query) => void navigate({ to: '/sessions/$id/files', params: { id }, search: query ? { query } : {} })} onFile={(next, how) => open(next, how.staged ?? false, how.view)} />
        </div>
      ) : null}
      <div className="flex min-h-0 min-w-0 flex-1 flex-col">
        <Viewer
          key={`${path}:${String(search.staged)}`}
          sessionId={id}
          place={{ path, staged: search.staged ?? false, view: search.view ?? 'diff' }}
          position={index >= 0 ? { at: index + 1, of: list.length } : null}
          wide={wide}
          turnHunks={turn.find((f) => f.path === path)?.hunks ?? []}
          bar={(title, line, tools) => (
            <PageBar title={title} line={line} back={back}>
              {tools}
            </PageBar>
          )}
          onView={(view) => open(path, search.staged ?? false, view)}
          onStep={onStep}
          onAsk={(text) => {
            giveShared(id, { text, files: [] })
            void navigate({ to: '/sessions/$id', params: { id } })
          }}
        />
      </div>
    </div>
  )
}
