import { cx } from './cx'
import { Dot, type Tone } from './Dot'

/** The agent as a letter; the mark at its corner is its state, said in words beside it. */
export function Avatar({ letter, tone, small, onRaised }: { letter: string; tone?: Tone | null; small?: boolean; onRaised?: boolean }) {
  return (
    <span
      aria-hidden
      className={cx(
        'relative grid shrink-0 place-items-center font-semibold text-ink-2',
        small ? 'size-6.5 rounded-[7px] text-[0.6875rem]' : 'size-8 rounded-[9px] text-s',
        onRaised ? 'bg-raised' : 'bg-sunken',
      )}
    >
      {letter}
      {tone ? <Dot tone={tone} className={cx('absolute -right-0.5 -bottom-0.5 size-[11px]! border-2', onRaised ? 'border-waits-soft' : 'border-surface')} /> : null}
    </span>
  )
}
