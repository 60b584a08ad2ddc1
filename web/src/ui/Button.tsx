import { Slot } from 'radix-ui'
import type { ButtonHTMLAttributes, Ref } from 'react'
import { cx } from './cx'
import { Spinner } from './Spinner'

export type Look = 'plain' | 'primary' | 'quiet' | 'danger'

interface Props extends ButtonHTMLAttributes<HTMLButtonElement> {
  look?: Look
  grow?: boolean
  busy?: boolean
  ref?: Ref<HTMLButtonElement>
  /** A key that presses it, shown where there is a keyboard. */
  shortcut?: string
}

const looks: Record<Look, string> = {
  plain: 'border border-line bg-raised text-ink hover:bg-sunken',
  primary: 'border border-transparent bg-accent text-accent-ink hover:brightness-105',
  quiet: 'border border-transparent text-ink-2 hover:bg-sunken hover:text-ink',
  danger: 'border border-line bg-raised text-bad hover:bg-sunken',
}

export function Button({ look = 'plain', grow, busy, shortcut, className, children, disabled, ...rest }: Props) {
  return (
    <button
      type="button"
      className={cx(
        'inline-flex min-h-9 items-center justify-center gap-2 rounded-m px-4 text-s font-medium whitespace-nowrap transition-[background-color,filter,opacity] duration-150 select-none disabled:opacity-50 touch:min-h-11 touch:text-m',
        looks[look],
        grow && 'min-w-0 flex-1',
        className,
      )}
      disabled={disabled || busy}
      {...rest}
    >
      {busy ? <Spinner /> : null}
      {children}
      {shortcut ? (
        <kbd aria-hidden className={cx('rounded-[4px] border px-1 max-wide:hidden touch:hidden', look === 'primary' ? 'border-accent-ink/45' : 'border-line text-ink-2')}>
          {shortcut}
        </kbd>
      ) : null}
    </button>
  )
}

interface IconProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  label: string
  asChild?: boolean
  tone?: 'ink' | 'accent'
  ref?: Ref<HTMLButtonElement>
}

/** A button that is only a picture; its words are for the tooltip and for those who cannot see it. */
export function IconButton({ label, asChild, tone = 'ink', className, children, ...rest }: IconProps) {
  const Tag = asChild ? Slot.Root : 'button'
  return (
    <Tag
      {...(asChild ? {} : { type: 'button' as const })}
      aria-label={label}
      title={label}
      className={cx(
        'target inline-grid shrink-0 place-items-center rounded-m transition-colors duration-150 hover:bg-sunken disabled:opacity-40 [&_svg]:size-5',
        tone === 'accent' ? 'text-accent' : 'text-ink-2 hover:text-ink',
        className,
      )}
      {...rest}
    >
      {children}
    </Tag>
  )
}
