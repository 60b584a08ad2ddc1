import { useEffect, useRef, useState } from 'react'
import { useT } from '@/i18n'
import { cx } from './cx'

type Katex = typeof import('./katex').katex

let ready: Katex | null = null
let loading: Promise<Katex> | null = null

/** A formula, typeset by KaTeX, which is fetched with the first one. Until then, and if it cannot be read, its source. */
export function Formula({ tex, display }: { tex: string; display: boolean }) {
  const t = useT()
  const place = useRef<HTMLSpanElement>(null)
  const [katex, setKatex] = useState(() => ready)
  const [problem, setProblem] = useState<string | null>(null)

  useEffect(() => {
    if (ready) return
    let here = true
    loading ??= import('./katex').then((m) => (ready = m.katex))
    loading.then(
      (k) => here && setKatex(() => k),
      (error: unknown) => here && setProblem(String(error)),
    )
    return () => {
      here = false
    }
  }, [])
  useEffect(() => {
    if (!katex || !place.current) return
    try {
      // Nothing trusted: no links, no foreign markup, bounded expansion and size.
      katex.render(tex, place.current, { displayMode: display, throwOnError: true, trust: false, strict: 'ignore', maxSize: 20, maxExpand: 500 })
      setProblem(null)
    } catch (error) {
      setProblem(error instanceof Error ? error.message.replace(/^KaTeX parse error: /, '') : String(error))
    }
  }, [katex, tex, display])

  const typeset = katex !== null && problem === null
  const Tag = display ? 'div' : 'span'
  return (
    <Tag className={display ? 'quiet-scroll overflow-x-auto overflow-y-hidden py-1' : undefined} {...(display ? { tabIndex: 0 } : {})}>
      <span ref={place} hidden={!typeset} />
      {typeset ? null : <code className={cx('rounded-[4px] bg-sunken px-1 py-px', display && 'block p-2 whitespace-pre-wrap')}>{tex}</code>}
      {problem ? <span className={cx('text-xs text-ink-2', display ? 'mt-1 block' : 'ml-1')}>{t('formula.failed', { reason: problem })}</span> : null}
    </Tag>
  )
}
