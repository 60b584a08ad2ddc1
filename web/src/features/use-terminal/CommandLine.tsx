import { CornerDownLeft } from 'lucide-react'
import { useState } from 'react'
import { useT } from '@/i18n'
import { IconButton } from '@/ui/Button'
import { usual } from './input'

interface Props {
  /** One or several lines, as typed. */
  onCommand(text: string): void
}

/** A whole command at once: written with the phone's own keyboard and its corrections, then sent. */
export function CommandLine({ onCommand }: Props) {
  const t = useT()
  const [text, setText] = useState('')
  const send = () => {
    onCommand(text)
    setText('')
  }
  return (
    <div className="flex flex-col gap-2 border-t border-line p-2">
      <div role="group" aria-label={t('terminal.usual')} className="flex gap-1.5 overflow-x-auto [scrollbar-width:none]">
        {usual.map((command) => (
          <button key={command} type="button" onClick={() => onCommand(command)} className="min-h-9 shrink-0 rounded-full border border-line bg-raised px-3 font-mono text-s text-ink-2 hover:text-ink touch:min-h-11">
            {command}
          </button>
        ))}
      </div>
      <form
        className="flex items-end gap-1.5"
        onSubmit={(e) => {
          e.preventDefault()
          send()
        }}
      >
        <textarea
          autoFocus
          rows={Math.min(5, text.split('\n').length)}
          value={text}
          onChange={(e) => setText(e.target.value)}
          onKeyDown={(e) => {
            if (e.key !== 'Enter' || e.shiftKey || e.nativeEvent.isComposing) return
            e.preventDefault()
            send()
          }}
          enterKeyHint="send"
          autoCapitalize="off"
          autoComplete="off"
          autoCorrect="off"
          spellCheck={false}
          aria-label={t('terminal.command')}
          placeholder={t('terminal.command')}
          className="min-h-11 min-w-0 flex-1 resize-none rounded-m bg-sunken px-3 py-[11px] font-mono text-m leading-[22px] outline-none placeholder:text-ink-2 focus-visible:ring-1 focus-visible:ring-accent"
        />
        <IconButton label={t('terminal.send')} type="submit">
          <CornerDownLeft />
        </IconButton>
      </form>
    </div>
  )
}
