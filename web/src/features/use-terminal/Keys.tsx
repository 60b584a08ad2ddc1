import { ClipboardPaste, SquareChevronRight } from 'lucide-react'
import { useT } from '@/i18n'
import { cx } from '@/ui/cx'
import { showToast } from '@/ui/toast'
import { keys, type Modifiers } from './input'

interface Props {
  className?: string
  modifiers: Modifiers
  onModifiers(next: Modifiers): void
  onKey(data: string): void
  /** Whether whole commands are written instead; null: that is not offered. */
  commands: boolean | null
  onCommands(on: boolean): void
}

const look = 'grid h-9 min-w-10 shrink-0 place-items-center rounded-s border border-line bg-raised px-2 font-mono text-s touch:h-11 touch:min-w-12'

/** The row of keys below a terminal. Ctrl and Alt hold for the next key. */
export function Keys({ className, modifiers, onModifiers, onKey, commands, onCommands }: Props) {
  const t = useT()
  const paste = async () => {
    try {
      onKey(await navigator.clipboard.readText())
    } catch {
      if (commands === null) showToast({ text: t('terminal.noPaste') })
      else onCommands(true) // there it can be pasted by hand
    }
  }
  const modifier = (name: keyof Modifiers, label: string) => (
    <button type="button" aria-pressed={modifiers[name]} onClick={() => onModifiers({ ...modifiers, [name]: !modifiers[name] })} className={cx(look, modifiers[name] && 'border-transparent! bg-ink! text-surface')}>
      {label}
    </button>
  )
  return (
    <div role="toolbar" aria-label={t('terminal.keys')} className={cx('flex gap-1.5 overflow-x-auto border-t border-line px-2 pt-2 safe-bottom [scrollbar-width:none]', className)}>
      {commands === null ? null : (
        <button type="button" aria-pressed={commands} aria-label={t('terminal.commands')} title={t('terminal.commands')} onClick={() => onCommands(!commands)} className={cx(look, commands && 'border-transparent! bg-ink! text-surface')}>
          <SquareChevronRight className="size-4" />
        </button>
      )}
      {modifier('ctrl', 'Ctrl')}
      {modifier('alt', 'Alt')}
      {keys.map((k) => (
        <button key={k.label} type="button" onClick={() => onKey(k.data)} className={look}>
          {k.label}
        </button>
      ))}
      <button type="button" aria-label={t('terminal.paste')} title={t('terminal.paste')} onClick={() => void paste()} className={look}>
        <ClipboardPaste className="size-4" />
      </button>
    </div>
  )
}
