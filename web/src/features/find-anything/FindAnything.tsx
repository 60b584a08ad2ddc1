import { Search } from 'lucide-react'
import { useId, useMemo, useState, type KeyboardEvent, type ReactNode } from 'react'
import { useT, type Key } from '@/i18n'
import { Dialog } from '@/ui/Dialog'
import { cx } from '@/ui/cx'
import { search } from './search'

export interface Thing {
  id: string
  group: 'sessions' | 'actions' | 'settings'
  name: string
  hint: string
  icon: ReactNode
  run(): void
}

const headings: Record<Thing['group'], Key> = { sessions: 'inbox.title', actions: 'palette.actions', settings: 'settings.title' }

export function FindAnything({ open, onClose, things }: { open: boolean; onClose(): void; things: readonly Thing[] }) {
  const t = useT()
  const list = useId()
  const [query, setQuery] = useState('')
  const [at, setAt] = useState(0)
  const found = useMemo(() => search(things, query), [things, query])
  const current = Math.min(at, Math.max(0, found.length - 1))
  const run = (thing: Thing | undefined) => {
    if (!thing) return
    onClose()
    thing.run()
  }
  const onKey = (e: KeyboardEvent) => {
    const move = { ArrowDown: 1, ArrowUp: -1 }[e.key]
    if (move && found.length > 0) {
      e.preventDefault()
      const next = (current + move + found.length) % found.length
      setAt(next)
      document.getElementById(`${list}-${next}`)?.scrollIntoView({ block: 'nearest' })
    } else if (e.key === 'Enter' && !e.nativeEvent.isComposing) {
      e.preventDefault()
      run(found[current])
    }
  }
  return (
    <Dialog open={open} onClose={onClose} title={t('palette.hint')} bare>
      <label className="flex h-14 items-center gap-3 border-b border-line px-4">
        <Search aria-hidden className="size-5 text-ink-2" />
        <input
          autoFocus
          role="combobox"
          aria-expanded
          aria-controls={list}
          aria-activedescendant={found.length > 0 ? `${list}-${current}` : undefined}
          aria-label={t('palette.hint')}
          placeholder={t('palette.hint')}
          value={query}
          onChange={(e) => {
            setQuery(e.target.value)
            setAt(0)
          }}
          onKeyDown={onKey}
          className="min-w-0 flex-1 bg-transparent text-m outline-none placeholder:text-ink-2"
        />
      </label>
      <ul id={list} role="listbox" aria-label={t('palette.hint')} className="quiet-scroll min-h-40 overflow-y-auto p-2">
        {found.length === 0 ? <li className="p-3 text-s text-ink-2">{t('palette.none')}</li> : null}
        {found.map((thing, i) => (
          <li key={thing.id} role="presentation">
            {found[i - 1]?.group === thing.group ? null : <p className="px-3 pt-2 pb-1 text-xs font-semibold text-ink-2">{t(headings[thing.group])}</p>}
            <div
              id={`${list}-${i}`}
              role="option"
              tabIndex={-1}
              aria-selected={i === current}
              onClick={() => run(thing)}
              onPointerMove={() => setAt(i)}
              className={cx('flex min-h-10 cursor-pointer items-center gap-3 rounded-m px-3 touch:min-h-12 [&>svg]:size-4.5 [&>svg]:text-ink-2', i === current && 'bg-sunken')}
            >
              {thing.icon}
              <span className="max-w-[60%] shrink-0 truncate text-m">{thing.name}</span>
              <span className="min-w-0 flex-1 truncate text-right text-s text-ink-2">{thing.hint}</span>
            </div>
          </li>
        ))}
      </ul>
    </Dialog>
  )
}
