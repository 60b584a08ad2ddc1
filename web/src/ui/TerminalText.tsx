import { useMemo, useState } from 'react'
import { useT } from '@/i18n'
import { parseAnsi } from '@/model/ansi'
import { cx } from './cx'

// The eight colours of a terminal, from the theme.
const colors = ['text-ink-2', 'text-bad', 'text-good', 'text-[var(--code-3)]', 'text-works', 'text-[var(--code-1)]', 'text-[var(--code-4)]', '']

export const foldedLines = 14

/** What a command printed, in its colours; the end of it when it is long. */
export function TerminalText({ text, bad }: { text: string; bad?: boolean }) {
  const t = useT()
  const [open, setOpen] = useState(false)
  const lines = useMemo(() => text.replace(/\s+$/, '').split('\n'), [text])
  const long = lines.length > foldedLines
  const shown = long && !open ? lines.slice(-foldedLines).join('\n') : lines.join('\n')
  const spans = useMemo(() => parseAnsi(shown), [shown])
  return (
    <div>
      {long && !open ? (
        <button type="button" className="w-full border-b border-line px-3 py-1 text-left text-xs text-ink-2 hover:text-ink" onClick={() => setOpen(true)}>
          {t.count('terminal.earlier', lines.length - foldedLines)}
        </button>
      ) : null}
      <pre tabIndex={0} className={cx('quiet-scroll max-h-[60vh] overflow-auto px-3 py-2 [overflow-wrap:anywhere] whitespace-pre-wrap', bad && 'text-bad')}>
        {spans.map((s, i) =>
          s.color !== null || s.bold || s.dim ? (
            <span key={i} className={cx(s.color !== null && colors[s.color], s.bold && 'font-semibold', s.dim && 'text-ink-2')}>
              {s.text}
            </span>
          ) : (
            s.text
          ),
        )}
      </pre>
    </div>
  )
}
