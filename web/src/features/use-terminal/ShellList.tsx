import { ChevronRight } from 'lucide-react'
import { useT } from '@/i18n'
import { useNow } from '@/live/hooks'
import { ago } from '@/model/time'
import { Button } from '@/ui/Button'
import { Dot } from '@/ui/Dot'
import { Notice, Skeleton } from '@/ui/States'
import type { Shell } from './shells'

interface Props {
  /** null: not known yet. */
  shells: readonly Shell[] | null
  /** The connection is lost: what is shown may have changed, and nothing can be done. */
  offline: boolean
  /** Why the shell that was chosen is not shown. */
  problem: string | null
  onJoin(id: string): void
  onNew(): void
}

/** The shells that a session has open, here or in other browsers: join one, or open another. */
export function ShellList({ shells, offline, problem, onJoin, onNew }: Props) {
  const t = useT()
  const another = (
    <Button look="primary" disabled={offline} onClick={onNew}>
      {t(shells?.length ? 'terminal.another' : 'terminal.again')}
    </Button>
  )
  return (
    <div className="quiet-scroll min-h-0 flex-1 overflow-y-auto">
      {offline || problem ? (
        <p role="status" className="border-b border-line bg-sunken px-4 py-3 text-s">
          {offline ? t('terminal.offline') : problem}
        </p>
      ) : null}
      {shells === null ? (
        offline ? null : <Skeleton rows={2} label={t('common.loading')} />
      ) : shells.length === 0 ? (
        <Notice title={t('terminal.none')} action={another} />
      ) : (
        <div className="mx-auto w-full max-w-xl px-4 py-3">
          <p className="pb-2 text-s text-ink-2">{t('terminal.about')}</p>
          <ul aria-label={t('terminal.shells')} className="overflow-hidden rounded-m border border-line bg-raised">
            {shells.map((s) => (
              <li key={s.terminalId} className="border-b border-line last:border-b-0">
                <Row shell={s} offline={offline} onJoin={() => onJoin(s.terminalId)} />
              </li>
            ))}
          </ul>
          <div className="flex pt-3">{another}</div>
        </div>
      )}
    </div>
  )
}

function Row({ shell, offline, onJoin }: { shell: Shell; offline: boolean; onJoin(): void }) {
  const t = useT()
  const now = useNow(5_000)
  const viewers = shell.viewers === 0 ? t('terminal.unseen') : t.count('terminal.viewers', shell.viewers)
  return (
    <button type="button" disabled={offline} onClick={onJoin} className="flex min-h-14 w-full items-center gap-3 px-3.5 py-2.5 text-left hover:bg-sunken disabled:opacity-50">
      <Dot tone={shell.busy ? 'works' : 'idle'} />
      <span className="min-w-0 flex-1">
        <span className="block truncate font-mono text-s">{shell.line ?? t('terminal.silent')}</span>
        <span className="block truncate text-xs text-ink-2">{[t(shell.busy ? 'terminal.busy' : 'terminal.idle'), viewers, ago(shell.usedAt, now, t)].join(' · ')}</span>
      </span>
      <ChevronRight aria-hidden className="size-4 shrink-0 text-ink-2" />
    </button>
  )
}
