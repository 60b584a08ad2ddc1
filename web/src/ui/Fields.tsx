import { ChevronDown } from 'lucide-react'
import { RadioGroup, Switch as RadixSwitch } from 'radix-ui'
import { useId, type ComponentProps, type ReactNode } from 'react'
import { cx } from './cx'

export const inputLook = 'w-full rounded-m border border-line bg-raised px-3 text-m text-ink outline-none placeholder:text-ink-2 focus-visible:border-accent focus-visible:ring-1 focus-visible:ring-accent disabled:opacity-60'

/** A labelled control; the child gets the id the label points to. */
export function Field({ label, hint, error, children }: { label: string; hint?: ReactNode; error?: string | null; children(id: string, described: string | undefined): ReactNode }) {
  const id = useId()
  const note = useId()
  return (
    <div>
      <label htmlFor={id} className="mb-1 block text-s font-medium text-ink-2">
        {label}
      </label>
      {children(id, hint || error ? note : undefined)}
      {error ? (
        <p id={note} role="alert" className="mt-1 text-s text-bad">
          {error}
        </p>
      ) : hint ? (
        <div id={note} className="mt-1 flex items-center gap-1.5 text-s text-ink-2">
          {hint}
        </div>
      ) : null}
    </div>
  )
}

export function TextInput({ className, ...rest }: ComponentProps<'input'>) {
  return <input className={cx(inputLook, 'h-11', className)} {...rest} />
}

export function TextArea({ className, ...rest }: ComponentProps<'textarea'>) {
  return <textarea className={cx(inputLook, 'resize-none py-2.5', className)} {...rest} />
}

export function Select({ className, children, ...rest }: ComponentProps<'select'>) {
  return (
    <span className={cx('relative block', className)}>
      <select className={cx(inputLook, 'h-11 appearance-none pr-9')} {...rest}>
        {children}
      </select>
      <ChevronDown aria-hidden className="pointer-events-none absolute top-1/2 right-3 size-4 -translate-y-1/2 text-ink-2" />
    </span>
  )
}

interface SegmentedProps<T extends string> {
  label: string
  value: T
  options: readonly { value: T; label: string; danger?: boolean }[]
  onChange(value: T): void
  disabled?: boolean
}

export function Segmented<T extends string>({ label, value, options, onChange, disabled }: SegmentedProps<T>) {
  return (
    <RadioGroup.Root
      aria-label={label}
      value={value}
      onValueChange={(v) => onChange(v as T)}
      disabled={disabled ?? false}
      orientation="horizontal"
      className="grid auto-cols-fr grid-flow-col rounded-m bg-sunken p-[3px]"
    >
      {options.map((o) => (
        <RadioGroup.Item
          key={o.value}
          value={o.value}
          className={cx(
            'min-h-9 truncate rounded-[8px] px-1.5 text-s font-medium text-ink-2 transition-[background-color,color] duration-150 data-[state=checked]:bg-raised data-[state=checked]:text-ink data-[state=checked]:shadow-sm touch:min-h-10',
            o.danger && 'data-[state=checked]:text-bad',
          )}
        >
          {o.label}
        </RadioGroup.Item>
      ))}
    </RadioGroup.Root>
  )
}

export function Switch({ id, checked, onChange, disabled, label }: { id?: string; checked: boolean; onChange(on: boolean): void; disabled?: boolean; label?: string }) {
  return (
    <RadixSwitch.Root
      {...(id ? { id } : {})}
      {...(label ? { 'aria-label': label } : {})}
      checked={checked}
      onCheckedChange={onChange}
      disabled={disabled ?? false}
      className="relative h-6 w-10 shrink-0 rounded-full border border-transparent bg-ink-3 transition-colors duration-150 data-[state=checked]:bg-accent disabled:opacity-50"
    >
      <RadixSwitch.Thumb className="block size-4.5 translate-x-0.5 rounded-full bg-raised transition-transform duration-150 data-[state=checked]:translate-x-4.5" />
    </RadixSwitch.Root>
  )
}

/** One line of a settings page. */
export function SettingRow({ label, hint, children }: { label: string; hint?: ReactNode; children: (id: string) => ReactNode }) {
  const id = useId()
  return (
    <div className="flex min-h-14 items-center justify-between gap-4 border-b border-line py-2.5 last:border-0">
      <div className="min-w-0">
        <label htmlFor={id} className="block text-m">
          {label}
        </label>
        {hint ? <div className="text-s text-ink-2">{hint}</div> : null}
      </div>
      <div className="flex shrink-0 items-center gap-2">{children(id)}</div>
    </div>
  )
}
