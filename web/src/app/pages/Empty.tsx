import { useNavigate } from '@tanstack/react-router'
import { FolderGit2 } from 'lucide-react'
import { useT } from '@/i18n'
import { useSessions } from '@/live/hooks'
import { homePath } from '@/model/session'
import { Button } from '@/ui/Button'
import { Notice } from '@/ui/States'

/** The wide layout with nothing opened: where to begin. */
export function Empty() {
  const t = useT()
  const navigate = useNavigate()
  const { data = [] } = useSessions()
  const folders = new Map(data.flatMap((s) => (s.metadata?.path ? [[s.metadata.path, s.metadata.machineId] as const] : [])))
  return (
    <div className="m-auto">
      <Notice
        title={t('empty.title')}
        action={
          <Button look="primary" onClick={() => void navigate({ to: '/sessions/new' })}>
            {t('new.title')}
          </Button>
        }
      >
        {t('empty.hint')}
      </Notice>
      {folders.size > 0 ? (
        <ul className="mx-auto max-w-sm" aria-label={t('new.recent')}>
          {[...folders].slice(0, 4).map(([path, machineId]) => (
            <li key={path}>
              <button
                type="button"
                onClick={() => void navigate({ to: '/sessions/new', search: { directory: path, ...(machineId ? { machineId } : {}) } })}
                className="flex min-h-9 w-full items-center gap-2 rounded-m px-3 text-s text-ink-2 hover:bg-sunken hover:text-ink"
              >
                <FolderGit2 className="size-4" />
                {homePath(path)}
              </button>
            </li>
          ))}
        </ul>
      ) : null}
    </div>
  )
}
