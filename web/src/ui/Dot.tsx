import { cx } from './cx'

export type Tone = 'waits' | 'works' | 'good' | 'bad' | 'idle'

const tones: Record<Tone, string> = { waits: 'bg-waits', works: 'bg-works', good: 'bg-good', bad: 'bg-bad', idle: 'bg-ink-3' }

/** A coloured mark beside words that say the same. */
export function Dot({ tone, className }: { tone: Tone; className?: string }) {
  return <span aria-hidden className={cx('inline-block size-2 shrink-0 rounded-full', tones[tone], className)} />
}
