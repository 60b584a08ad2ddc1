import { useQuery } from '@tanstack/react-query'
import { CornerLeftUp, Folder, FolderGit2 } from 'lucide-react'
import { useState } from 'react'
import { api } from '@/api/hub'
import { errorText } from '@/api/client'
import { useT } from '@/i18n'
import { useLive } from '@/live/hooks'
import { homePath, tail } from '@/model/session'
import { Button } from '@/ui/Button'
import { Switch } from '@/ui/Fields'
import { Failure, Skeleton } from '@/ui/States'

interface Props {
  machineId: string
  path: string
  home: string | undefined
  roots: readonly string[]
  onPath(path: string): void
  onChoose?: (path: string) => void
}

const hiddenKey = 'hapi:workspaceBrowserShowHidden'

export const parentOf = (path: string) => path.replace(/[\\/][^\\/]+[\\/]?$/, '') || (path.startsWith('/') ? '/' : path)

/** Folders of a machine, one level at a time. */
export function FolderPicker({ machineId, path, home, roots, onPath, onChoose }: Props) {
  const t = useT()
  const { hub } = useLive()
  const [hidden, setHidden] = useState(localStorage.getItem(hiddenKey) === '1')
  const at = path || roots[0] || home || '/'
  const { data, error, isPending, refetch } = useQuery({ queryKey: ['folders', machineId, at, hidden], queryFn: () => api.listDirectory(hub, machineId, at, hidden), staleTime: 10_000, retry: 0 })
  const inRoot = roots.length === 0 || roots.some((r) => at.startsWith(`${r}/`))
  const failure = error ? errorText(error) : data && !data.success ? (data.error ?? t('folder.failed')) : null
  const folders = (data?.entries ?? []).filter((e) => e.type === 'directory')
  return (
    <div className="flex min-h-0 flex-1 flex-col">
      <p className="truncate border-b border-line px-4 py-2 font-mono text-s text-ink-2">{homePath(at, home)}</p>
      <ul className="quiet-scroll min-h-40 flex-1 overflow-y-auto px-2 py-1">
        {inRoot && at !== '/' ? (
          <li>
            <button type="button" onClick={() => onPath(parentOf(at))} className="flex min-h-10 w-full items-center gap-3 rounded-m px-2 text-left text-ink-2 hover:bg-sunken touch:min-h-11">
              <CornerLeftUp className="size-4" />
              {t('folder.up')}
            </button>
          </li>
        ) : null}
        {failure ? <Failure title={t('folder.failed')} error={failure} retry={() => void refetch()} retryLabel={t('common.retry')} /> : isPending ? <Skeleton rows={4} label={t('common.loading')} /> : null}
        {!isPending && !failure && folders.length === 0 ? <li className="px-2 py-3 text-s text-ink-2">{t('folder.empty')}</li> : null}
        {folders.map((f) => (
          <li key={f.name}>
            <button type="button" onClick={() => onPath(`${at.replace(/\/$/, '')}/${f.name}`)} className="flex min-h-10 w-full items-center gap-3 rounded-m px-2 text-left hover:bg-sunken touch:min-h-11">
              {f.isGitRepo ? <FolderGit2 className="size-4 text-accent" /> : <Folder className="size-4 text-ink-2" />}
              <span className="min-w-0 flex-1 truncate">{f.name}</span>
              {f.isGitRepo ? <span className="text-xs text-ink-2">{t('folder.git')}</span> : null}
            </button>
          </li>
        ))}
      </ul>
      <div className="flex items-center gap-3 border-t border-line px-4 py-2.5">
        <Switch
          checked={hidden}
          label={t('folder.hidden')}
          onChange={(on) => {
            setHidden(on)
            localStorage.setItem(hiddenKey, on ? '1' : '0')
          }}
        />
        <span className="min-w-0 flex-1 text-s text-ink-2">{t('folder.hidden')}</span>
        {onChoose ? (
          <Button look="primary" onClick={() => onChoose(at)}>
            {t('folder.choose', { folder: tail(at, 1) || at })}
          </Button>
        ) : null}
      </div>
    </div>
  )
}
