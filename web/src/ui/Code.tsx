import { Check, Copy, WrapText } from 'lucide-react'
import { useState } from 'react'
import { useT } from '@/i18n'
import { IconButton } from './Button'
import { copyText } from './copy'
import { cx } from './cx'
import { useHighlight } from './highlight'

const wrapKey = 'hapi-code-wrap'

export function CopyButton({ text, label, className }: { text: string; label: string; className?: string }) {
  const [done, setDone] = useState(false)
  const t = useT()
  return (
    <IconButton
      label={done ? t('common.copied') : label}
      {...(className ? { className } : {})}
      onClick={() => {
        void copyText(text).then((ok) => {
          setDone(ok)
          setTimeout(() => setDone(false), 1500)
        })
      }}
    >
      {done ? <Check className="size-4!" /> : <Copy className="size-4!" />}
    </IconButton>
  )
}

export function Highlighted({ code, language }: { code: string; language: string | null }) {
  const leaves = useHighlight(code, language)
  return leaves ? leaves.map((l, i) => (l.className ? <span key={i} className={l.className}>{l.text}</span> : l.text)) : code
}

const foldAbove = 18

/** A block of code: coloured, copied with one tap, folded when long. */
export function CodeBlock({ code, language, bare }: { code: string; language: string | null; bare?: boolean }) {
  const t = useT()
  const [wrap, setWrap] = useState(() => localStorage.getItem(wrapKey) === '1')
  const lines = code.split('\n').length
  const long = lines > foldAbove || code.length > 1800
  const [open, setOpen] = useState(false)
  return (
    <div className={cx('group/code relative', !bare && 'overflow-hidden rounded-m border border-line bg-raised')}>
      <div className="absolute top-1 right-1 z-10 flex rounded-m bg-raised/85 opacity-0 transition-opacity group-focus-within/code:opacity-100 group-hover/code:opacity-100 touch:opacity-100">
        <IconButton
          label={t('code.wrap')}
          aria-pressed={wrap}
          className="touch:hidden"
          onClick={() => {
            setWrap(!wrap)
            localStorage.setItem(wrapKey, wrap ? '0' : '1')
          }}
        >
          <WrapText className="size-4!" />
        </IconButton>
        <CopyButton text={code} label={t('common.copy')} className="touch:min-h-9! touch:min-w-9!" />
      </div>
      <pre tabIndex={0} className={cx('quiet-scroll overflow-auto px-3 py-2.5', wrap && 'break-words whitespace-pre-wrap', long && !open ? 'max-h-65' : 'max-h-[70vh]')}>
        <code>
          <Highlighted code={code} language={language} />
        </code>
      </pre>
      {long && !open ? (
        <button type="button" className="w-full border-t border-line py-1.5 text-s text-ink-2 hover:bg-sunken hover:text-ink" onClick={() => setOpen(true)}>
          {t.count('code.more', lines)}
        </button>
      ) : null}
    </div>
  )
}
