import { ClipboardPaste } from 'lucide-react'
import { useT } from '@/i18n'
import { cx } from '@/ui/cx'
import { keys, type Modifiers } from './input'

interface Props {
  className?: string
  modifiers: Modifiers
  onModifiers(next: Modifiers): void
  onKey(data: string): void
}

const look = 'grid h-9 min-w-10 shrink-0 place-items-center rounded-s border border-line bg-raised px-2 font-mono text-s touch:h-11 touch:min-w-12'

/** The row of keys below a terminal. Ctrl and Alt hold for the next key. */
export function Keys({ className, modifiers, onModifiers, onKey }: Props) {
  const t = useT()
  const modifier = (name: keyof Modifiers, label: string) => (
    <button type="button" aria-pressed={modifiers[name]} onClick={() => onModifiers({ ...modifiers, [name]: !modifiers[name] })} className={cx(look, modifiers[name] && 'border-transparent! bg-ink! text-surface')}>
      {label}
    </button>
  )
  return (
    <div role="toolbar" aria-label={t('terminal.keys')} className={cx('flex gap-1.5 overflow-x-auto border-t border-line px-2 pt-2 safe-bottom [scrollbar-width:none]', className)}>
      {modifier('ctrl', 'Ctrl')}
      {modifier('alt', 'Alt')}
      {keys.map((k) => (
        <button key={k.label} type="button" onClick={() => onKey(k.data)} className={look}>
          {k.label}
        </button>
      ))}
      <button type="button" aria-label={t('terminal.paste')} title={t('terminal.paste')} onClick={() => void navigator.clipboard.readText().then(onKey, () => {})} className={look}>
        <ClipboardPaste className="size-4" />
      </button>
    </div>
  )
}
