import { useRef, useState, type ReactNode } from 'react'
import { useT } from '@/i18n'

const key = 'hapi-sidebar-width'
const least = 280
const most = 600
const detail = 420

/** The list's column; its edge can be dragged, or moved with the arrow keys. */
export function Sidebar({ children }: { children: ReactNode }) {
  const t = useT()
  const [width, setWidth] = useState(() => Number(localStorage.getItem(key)) || 320)
  const dragging = useRef(false)
  const fit = (w: number) => Math.round(Math.max(least, Math.min(w, most, window.innerWidth - detail)))
  const set = (w: number) => {
    const next = fit(w)
    setWidth(next)
    localStorage.setItem(key, String(next))
  }
  return (
    <div className="relative min-h-0 shrink-0 border-r border-line" style={{ width: fit(width) }}>
      {children}
      {/* A separator that moves is a control. */}
      <div
        role="separator"
        tabIndex={0}
        aria-orientation="vertical"
        aria-label={t('inbox.width')}
        aria-valuenow={width}
        aria-valuemin={least}
        aria-valuemax={most}
        className="absolute inset-y-0 -right-1 z-10 w-2 cursor-col-resize hover:bg-accent/20 focus-visible:bg-accent/30"
        onPointerDown={(e) => {
          dragging.current = true
          e.currentTarget.setPointerCapture(e.pointerId)
        }}
        onPointerMove={(e) => dragging.current && set(e.clientX)}
        onPointerUp={() => (dragging.current = false)}
        onKeyDown={(e) => {
          if (e.key === 'ArrowLeft') set(width - 16)
          else if (e.key === 'ArrowRight') set(width + 16)
        }}
      />
    </div>
  )
}
