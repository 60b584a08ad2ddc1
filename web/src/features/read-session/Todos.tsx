import { Check } from 'lucide-react'
import { useT } from '@/i18n'
import type { PlanStep } from '@/model/decode'
import { Dot } from '@/ui/Dot'
import { cx } from '@/ui/cx'

/** Steps of a plan; the mark of each is also said. */
export function Todos({ steps }: { steps: readonly PlanStep[] }) {
  const t = useT()
  return (
    <ul className="flex flex-col gap-1 text-s">
      {steps.map((s, i) => (
        <li key={i} className="flex items-start gap-2">
          <span className="grid h-5 w-3.5 shrink-0 place-items-center">{s.status === 'completed' ? <Check aria-hidden className="size-3.5 text-ink-2" /> : s.status === 'in_progress' ? <Dot tone="works" /> : <span aria-hidden className="size-2 rounded-full border border-ink-3" />}</span>
          <span className={cx('min-w-0', s.status === 'in_progress' ? 'font-medium text-ink' : 'text-ink-2')}>
            {s.step}
            <span className="sr-only">{t(s.status === 'completed' ? 'todo.done' : s.status === 'in_progress' ? 'todo.current' : 'todo.open')}</span>
          </span>
        </li>
      ))}
    </ul>
  )
}
