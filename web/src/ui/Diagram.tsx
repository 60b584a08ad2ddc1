import { useEffect, useState, useSyncExternalStore } from 'react'
import { useT } from '@/i18n'
import { CodeBlock } from './Code'
import { draw, type Drawing } from './diagram'
import { Viewer } from './Viewer'

function useTheme(): string {
  return useSyncExternalStore(
    (tell) => {
      const observer = new MutationObserver(tell)
      observer.observe(document.documentElement, { attributeFilter: ['data-theme'] })
      return () => observer.disconnect()
    },
    () => document.documentElement.dataset.theme ?? '',
  )
}

/** A diagram, drawn in the colours of the theme; its source until it is, and with the reason if it cannot be. */
export function Diagram({ code }: { code: string }) {
  const t = useT()
  const theme = useTheme()
  const [drawing, setDrawing] = useState<Drawing | null>(null)
  const [problem, setProblem] = useState<string | null>(null)
  const [open, setOpen] = useState(false)

  useEffect(() => {
    let here = true
    draw(code, theme).then(
      (d) => {
        if (!here) return
        setDrawing(d)
        setProblem(null)
      },
      (error: unknown) => {
        if (!here) return
        setDrawing(null)
        setProblem(error instanceof Error ? error.message : String(error))
      },
    )
    return () => {
      here = false
    }
  }, [code, theme])

  if (!drawing) {
    return (
      <div>
        <CodeBlock code={code} language={null} />
        {problem ? <p className="mt-1 text-xs whitespace-pre-wrap text-ink-2">{t('diagram.failed', { reason: problem })}</p> : null}
      </div>
    )
  }
  return (
    <>
      <button type="button" aria-haspopup="dialog" onClick={() => setOpen(true)} className="max-w-full cursor-zoom-in self-start overflow-hidden rounded-m border border-line bg-surface p-3">
        <img src={drawing.src} width={drawing.width} height={drawing.height} alt={t('diagram.alt', { source: code })} className="h-auto max-h-96 w-auto max-w-full" />
      </button>
      {open ? <Viewer pictures={[{ src: drawing.src, name: t('diagram.title'), drawn: true }]} at={0} onMove={() => {}} onClose={() => setOpen(false)} /> : null}
    </>
  )
}
