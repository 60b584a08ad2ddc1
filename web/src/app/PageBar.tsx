import { ChevronLeft } from 'lucide-react'
import type { ReactNode } from 'react'
import { useT } from '@/i18n'
import { IconButton } from '@/ui/Button'

/** The head of a page: back to its parent, what it is, what can be done. */
export function PageBar({ title, line, back, hideBack, children }: { title: ReactNode; line?: ReactNode; back(): void; hideBack?: boolean; children?: ReactNode }) {
  const t = useT()
  return (
    <header className="flex min-h-14 shrink-0 items-center gap-1 border-b border-line pr-2 pl-1 wide:pl-3">
      {hideBack ? (
        <span className="w-2" />
      ) : (
        <IconButton label={t('common.back')} onClick={back}>
          <ChevronLeft />
        </IconButton>
      )}
      <div className="min-w-0 flex-1">
        <h1 className="truncate text-m leading-5 font-semibold">{title}</h1>
        {line ? <p className="flex items-center gap-1.5 overflow-x-clip text-xs text-ellipsis whitespace-nowrap text-ink-2">{line}</p> : null}
      </div>
      {children}
    </header>
  )
}
