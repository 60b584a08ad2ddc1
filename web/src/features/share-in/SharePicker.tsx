import { Paperclip, Plus, Trash2 } from 'lucide-react'
import { useEffect, useState } from 'react'
import { errorText } from '@/api/client'
import { useT } from '@/i18n'
import { remembered, type Shared } from '@/live/database'
import { useSessions } from '@/live/hooks'
import { flavorOf } from '@/model/flavor'
import { homePath, matcher, titleOf } from '@/model/session'
import { Avatar } from '@/ui/Avatar'
import { Button } from '@/ui/Button'
import { TextInput } from '@/ui/Fields'
import { Notice, Skeleton } from '@/ui/States'
import { fetchShared, readFragment, sharedText } from './shared'

interface Props {
  id: string | undefined
  failed: boolean
  /** What a link of a companion app carries instead of a stored share. */
  fragment: string
  onChoose(sessionId: string, content: { text: string; files: File[] }): void
  onNew(content: { text: string; files: File[] }): void
  onDiscard(): void
}

const lifetime = 3_600_000

/** Another app shared something: into which session? */
export function SharePicker({ id, failed, fragment, onChoose, onNew, onDiscard }: Props) {
  const t = useT()
  const { data: sessions = [] } = useSessions()
  const [shared, setShared] = useState<Shared | null | 'gone'>(null)
  const [fileError, setFileError] = useState<string | null>(null)
  const [search, setSearch] = useState('')
  useEffect(() => {
    if (id) {
      void remembered((db) => db.get('shared', id)).then((found) => setShared(found && Date.now() - found.at < lifetime ? found : 'gone'))
      return undefined
    }
    const stop = new AbortController()
    const { file, ...words } = readFragment(fragment)
    const found = { id: '', ...words, at: Date.now() }
    if (!file) return setShared(sharedText(found) ? { ...found, files: [] } : 'gone')
    fetchShared(file, stop.signal).then(
      (got) => setShared({ ...found, files: [got] }),
      (error: unknown) => {
        if (stop.signal.aborted) return
        // The words are not lost with the file.
        setFileError(errorText(error))
        setShared({ ...found, files: [] })
      },
    )
    return () => stop.abort()
  }, [id, fragment])
  if (failed) return <Notice alert title={t('share.failed')} action={<Button onClick={onDiscard}>{t('share.discard')}</Button>} />
  if (shared === null) return <Skeleton rows={3} label={t('common.loading')} />
  if (shared === 'gone') return <Notice title={t('share.gone')} action={<Button onClick={onDiscard}>{t('share.discard')}</Button>} />
  const content = { text: sharedText(shared), files: shared.files }
  const done = () => id && void remembered((db) => db.delete('shared', id))
  const matches = matcher(search)
  const list = sessions
    .filter((s) => s.active && matches([titleOf(s), s.metadata?.path]))
    .toSorted((a, b) => b.updatedAt - a.updatedAt)
    .slice(0, 20)
  return (
    <div className="quiet-scroll mx-auto w-full max-w-xl flex-1 overflow-y-auto px-4 py-3">
      <div className="rounded-m border border-line bg-raised p-3 text-s">
        {content.text ? <p className="line-clamp-4 break-words whitespace-pre-wrap">{content.text}</p> : null}
        {fileError ? (
          <p role="alert" className="mt-1 text-bad">
            {t('share.fileFailed', { error: fileError })}
          </p>
        ) : null}
        {shared.files.map((f) => (
          <p key={f.name} className="mt-1 flex items-center gap-2 text-ink-2">
            <Paperclip className="size-4" />
            <span className="truncate">{f.name}</span>
          </p>
        ))}
      </div>
      <TextInput type="search" className="mt-3" value={search} onChange={(e) => setSearch(e.target.value)} aria-label={t('inbox.search')} placeholder={t('inbox.search')} />
      <ul className="mt-2">
        {list.map((s) => (
          <li key={s.id}>
            <button
              type="button"
              onClick={() => {
                done()
                onChoose(s.id, content)
              }}
              className="flex min-h-14 w-full items-center gap-3 rounded-m px-2 text-left hover:bg-sunken"
            >
              <Avatar letter={flavorOf(s.metadata?.flavor).letter} />
              <span className="min-w-0 flex-1">
                <span className="block truncate text-m font-medium">{titleOf(s)}</span>
                <span className="block truncate text-s text-ink-2">{homePath(s.metadata?.path ?? '')}</span>
              </span>
            </button>
          </li>
        ))}
      </ul>
      <div className="mt-3 flex gap-2">
        <Button
          grow
          onClick={() => {
            done()
            onDiscard()
          }}
        >
          <Trash2 className="size-4" />
          {t('share.discard')}
        </Button>
        <Button
          grow
          look="primary"
          onClick={() => {
            done()
            onNew(content)
          }}
        >
          <Plus className="size-4" />
          {t('new.title')}
        </Button>
      </div>
    </div>
  )
}
