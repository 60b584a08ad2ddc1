import { ChevronLeft, ChevronRight } from 'lucide-react'
import { useMemo, useState } from 'react'
import { useT } from '@/i18n'
import { useNow } from '@/live/hooks'
import { addDays, addMonths, dayOf, spanOf, weeksOf, type Span } from '@/model/days'
import { Button, IconButton } from '@/ui/Button'
import { Dialog } from '@/ui/Dialog'
import { cx } from '@/ui/cx'

interface Props {
  open: boolean
  value: Span | null
  /** When sessions were last active: their days are marked. */
  active: readonly number[]
  onClose(): void
  onChange(span: Span | null): void
}

/** From which days: a few that are often meant, or any two of a calendar. */
export function DayFilter({ open, value, active, onClose, onChange }: Props) {
  const t = useT()
  const today = dayOf(useNow(60_000))
  const [month, setMonth] = useState(() => value?.from ?? today)
  /** The first of two days was chosen. */
  const [begin, setBegin] = useState<number | null>(null)
  const counts = useMemo(() => {
    const map = new Map<number, number>()
    for (const at of active) map.set(dayOf(at), (map.get(dayOf(at)) ?? 0) + 1)
    return map
  }, [active])
  const done = (span: Span | null) => {
    setBegin(null)
    onChange(span)
    onClose()
  }
  const shown = begin === null ? value : spanOf(begin, begin)
  const weeks = weeksOf(month)
  const monthOf = (day: number) => new Date(day).getMonth()
  return (
    <Dialog open={open} onClose={onClose} title={t('days.title')}>
      <div className="flex flex-col gap-3 p-4">
        <div className="flex gap-2">
          {([['days.today', 0], ['days.7', 6], ['days.30', 29]] as const).map(([label, back]) => (
            <Button key={label} grow onClick={() => done(spanOf(addDays(today, -back), today))}>
              {t(label)}
            </Button>
          ))}
        </div>
        <div className="flex items-center">
          <IconButton label={t('days.earlier')} onClick={() => setMonth(addMonths(month, -1))}>
            <ChevronLeft />
          </IconButton>
          <p aria-live="polite" className="flex-1 text-center text-m font-semibold">
            {new Date(month).toLocaleDateString(t.language, { month: 'long', year: 'numeric' })}
          </p>
          <IconButton label={t('days.later')} disabled={addMonths(month, 1) > today} onClick={() => setMonth(addMonths(month, 1))}>
            <ChevronRight />
          </IconButton>
        </div>
        <div className="grid grid-cols-7 gap-y-1 text-center">
          {(weeks[0] ?? []).map((day) => (
            <span key={day} aria-hidden className="text-xs text-ink-2">
              {new Date(day).toLocaleDateString(t.language, { weekday: 'narrow' })}
            </span>
          ))}
          {weeks.flat().map((day) => {
            const on = shown !== null && day >= shown.from && day < shown.until
            const n = counts.get(day) ?? 0
            return (
              <button
                key={day}
                type="button"
                disabled={day > today}
                aria-pressed={on}
                aria-label={[new Date(day).toLocaleDateString(t.language, { dateStyle: 'full' }), n > 0 ? t.count('days.sessions', n) : ''].filter(Boolean).join(', ')}
                onClick={() => (begin === null ? setBegin(day) : done(spanOf(begin, day)))}
                className={cx('relative mx-auto grid size-11 place-items-center rounded-full text-s num disabled:opacity-35', on ? 'bg-ink text-surface' : 'hover:bg-sunken', monthOf(day) !== monthOf(month) && !on && 'text-ink-2', day === today && !on && 'font-semibold text-accent')}
              >
                {new Date(day).getDate()}
                {n > 0 ? <span aria-hidden className={cx('absolute bottom-1 size-1 rounded-full', on ? 'bg-surface' : 'bg-accent')} /> : null}
              </button>
            )
          })}
        </div>
        <p role="status" className="min-h-5 text-center text-s text-ink-2">
          {begin === null ? t('days.hint') : t('days.hintEnd')}
        </p>
        {value || begin !== null ? (
          <div className="flex gap-2">
            {begin === null ? null : (
              <Button grow onClick={() => done(spanOf(begin, begin))}>
                {t('days.only')}
              </Button>
            )}
            <Button grow onClick={() => done(null)}>
              {t('days.any')}
            </Button>
          </div>
        ) : null}
      </div>
    </Dialog>
  )
}
