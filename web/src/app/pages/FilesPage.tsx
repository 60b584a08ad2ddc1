import { useNavigate, useParams, useSearch } from '@tanstack/react-router'
import { useCallback } from 'react'
import { useT } from '@/i18n'
import { Files, type Tab } from '@/features/browse-files/Files'
import { useSession } from '@/live/hooks'
import type { Metadata } from '@/api/types'
import { encodePath } from '@/model/path'
import { titleOf } from '@/model/session'
import { PageBar } from '../PageBar'
import { useTurnFiles } from '../useTurnFiles'

export function FilesPage() {
  const t = useT()
  const navigate = useNavigate()
  const { id } = useParams({ from: '/shell/sessions/$id/files' })
  const { tab, query } = useSearch({ from: '/shell/sessions/$id/files' })
  const { data: session } = useSession(id)
  const turn = useTurnFiles(id)
  const onQuery = useCallback((next: string) => void navigate({ to: '/sessions/$id/files', params: { id }, search: { ...(tab ? { tab } : {}), ...(next ? { query: next } : {}) }, replace: true }), [navigate, id, tab])
  return (
    <>
      <PageBar title={t('files.title')} line={session ? titleOf({ ...session, metadata: session.metadata as Metadata | null }) : null} back={() => void navigate({ to: '/sessions/$id', params: { id } })} />
      <Files
        sessionId={id}
        tab={tab ?? 'changes'}
        query={query ?? ''}
        turn={turn}
        onTab={(next: Tab) => void navigate({ to: '/sessions/$id/files', params: { id }, search: next === 'changes' ? {} : { tab: next }, replace: true })}
        onQuery={onQuery}
        onFile={(path, { staged, view }) => void navigate({ to: '/sessions/$id/file', params: { id }, search: { path: encodePath(path), view, ...(staged ? { staged } : {}), ...(tab && tab !== 'changes' ? { tab } : {}), ...(query ? { query } : {}) } })}
      />
    </>
  )
}
