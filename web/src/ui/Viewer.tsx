import { ChevronLeft, ChevronRight, Maximize, X, ZoomIn, ZoomOut } from 'lucide-react'
import { Dialog } from 'radix-ui'
import { useCallback, useEffect, useRef, useState, type KeyboardEvent, type PointerEvent } from 'react'
import { useT } from '@/i18n'
import { IconButton } from './Button'
import { fit, keepInside, zoomAt, type Point, type Size, type View } from './zoom'

export interface Shown {
  src: string
  name: string
  /** Lines, not pixels: it may be enlarged to the window. */
  drawn?: boolean
}

interface Props {
  pictures: readonly Shown[]
  /** Which of them. */
  at: number
  onMove(at: number): void
  onClose(): void
}

const step = 1.25
const closer = 2.5
const pan = 60
/** A finger that goes this far down closes; this far aside shows the next picture. */
const swipe = 80

/** Pictures as large as the window: pinch, wheel, double click and keys zoom, a drag moves, Esc or a swipe down closes. */
export function Viewer({ pictures, at, onMove, onClose }: Props) {
  const t = useT()
  const picture = pictures[at]
  const [stage, setStage] = useState<HTMLDivElement | null>(null)
  const [natural, setNatural] = useState<Size | null>(null)
  const [view, setView] = useState<View | null>(null)
  const [pulled, setPulled] = useState<Point>({ x: 0, y: 0 })
  const fingers = useRef(new Map<number, Point>())
  const drawn = picture?.drawn === true

  const size = useCallback((): Size => ({ width: stage?.clientWidth ?? 1, height: stage?.clientHeight ?? 1 }), [stage])
  const fitted = useCallback(() => (natural ? fit(natural, size(), drawn ? 3 : 1) : null), [natural, size, drawn])
  const zoom = useCallback(
    (factor: number, where: Point = { x: 0, y: 0 }) => {
      const base = fitted()
      if (base && natural) setView((v) => keepInside(zoomAt(v ?? base, factor, where, base.scale), natural, size()))
    },
    [fitted, natural, size],
  )
  const move = (dx: number, dy: number) => natural && setView((v) => (v ? keepInside({ ...v, x: v.x + dx, y: v.y + dy }, natural, size()) : v))
  const reset = useCallback(() => setView(fitted()), [fitted])

  useEffect(() => setNatural(null), [picture?.src])
  useEffect(() => {
    setView(fitted())
    if (!stage) return
    const observer = new ResizeObserver(() => setView(fitted()))
    observer.observe(stage)
    return () => observer.disconnect()
  }, [stage, fitted])

  const fromMiddle = useCallback(
    (e: { clientX: number; clientY: number }): Point => {
      const box = stage?.getBoundingClientRect()
      return box ? { x: e.clientX - box.left - box.width / 2, y: e.clientY - box.top - box.height / 2 } : { x: 0, y: 0 }
    },
    [stage],
  )
  // React listens to wheels passively; the page must not zoom along.
  useEffect(() => {
    if (!stage) return
    const onWheel = (e: WheelEvent) => {
      e.preventDefault()
      zoom(Math.exp(-e.deltaY * (e.ctrlKey ? 0.01 : 0.002)), fromMiddle(e))
    }
    stage.addEventListener('wheel', onWheel, { passive: false })
    return () => stage.removeEventListener('wheel', onWheel)
  }, [stage, zoom, fromMiddle])

  const base = fitted()
  const near = view !== null && base !== null && view.scale > base.scale * 1.01
  const go = (by: number) => {
    const next = at + by
    if (next >= 0 && next < pictures.length) onMove(next)
  }

  const onPointerDown = (e: PointerEvent) => {
    if (e.pointerType === 'mouse' && e.button !== 0) return
    stage?.setPointerCapture(e.pointerId)
    fingers.current.set(e.pointerId, fromMiddle(e))
  }
  const onPointerMove = (e: PointerEvent) => {
    const before = fingers.current.get(e.pointerId)
    if (!before) return
    const now = fromMiddle(e)
    const [other] = [...fingers.current].filter(([id]) => id !== e.pointerId).map(([, p]) => p)
    fingers.current.set(e.pointerId, now)
    if (other) {
      const apart = (p: Point) => Math.hypot(p.x - other.x, p.y - other.y)
      zoom(apart(now) / Math.max(1, apart(before)), { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 })
    } else if (near) move(now.x - before.x, now.y - before.y)
    else setPulled((p) => ({ x: p.x + now.x - before.x, y: p.y + now.y - before.y }))
  }
  const onPointerUp = (e: PointerEvent) => {
    if (!fingers.current.delete(e.pointerId)) return
    if (e.type === 'pointerup' && e.pointerType !== 'mouse' && !near && fingers.current.size === 0) {
      if (pulled.y > swipe && pulled.y > Math.abs(pulled.x)) return onClose()
      if (Math.abs(pulled.x) > swipe) go(pulled.x > 0 ? -1 : 1)
    }
    setPulled({ x: 0, y: 0 })
  }
  const onKeyDown = (e: KeyboardEvent) => {
    const arrows: Record<string, Point> = { ArrowLeft: { x: pan, y: 0 }, ArrowRight: { x: -pan, y: 0 }, ArrowUp: { x: 0, y: pan }, ArrowDown: { x: 0, y: -pan } }
    const arrow = arrows[e.key]
    if (arrow && near) move(arrow.x, arrow.y)
    else if (arrow?.x) go(arrow.x > 0 ? -1 : 1)
    else if (e.key === '+' || e.key === '=') zoom(step)
    else if (e.key === '-') zoom(1 / step)
    else if (e.key === '0') reset()
    else return
    e.preventDefault()
  }

  if (!picture) return null
  return (
    <Dialog.Root open onOpenChange={(open) => !open && onClose()}>
      <Dialog.Portal>
        <Dialog.Content aria-describedby={undefined} onKeyDown={onKeyDown} className="fixed inset-0 z-50 flex animate-in flex-col bg-surface safe-top outline-none">
          <header className="flex min-h-14 items-center gap-1 border-b border-line pr-1.5 pl-4">
            <Dialog.Title className="min-w-0 flex-1 truncate text-m font-semibold">{picture.name}</Dialog.Title>
            {pictures.length > 1 ? (
              <>
                <IconButton label={t('viewer.previous')} disabled={at === 0} onClick={() => go(-1)}>
                  <ChevronLeft />
                </IconButton>
                <span className="text-s text-ink-2 num">{t('viewer.position', { at: at + 1, of: pictures.length })}</span>
                <IconButton label={t('viewer.next')} disabled={at === pictures.length - 1} onClick={() => go(1)}>
                  <ChevronRight />
                </IconButton>
              </>
            ) : null}
            <IconButton label={t('viewer.smaller')} className="touch:hidden" onClick={() => zoom(1 / step)}>
              <ZoomOut />
            </IconButton>
            <IconButton label={t('viewer.larger')} className="touch:hidden" onClick={() => zoom(step)}>
              <ZoomIn />
            </IconButton>
            <IconButton label={t('viewer.whole')} onClick={reset}>
              <Maximize />
            </IconButton>
            <Dialog.Close asChild>
              <IconButton label={t('common.close')}>
                <X />
              </IconButton>
            </Dialog.Close>
          </header>
          <div
            ref={setStage}
            className="relative min-h-0 flex-1 touch-none overflow-hidden select-none"
            style={{ cursor: near ? 'grab' : 'zoom-in' }}
            onPointerDown={onPointerDown}
            onPointerMove={onPointerMove}
            onPointerUp={onPointerUp}
            onPointerCancel={onPointerUp}
            onDoubleClick={(e) => (near ? reset() : zoom(closer, fromMiddle(e)))}
          >
            <img
              key={picture.src}
              src={picture.src}
              alt={picture.name}
              draggable={false}
              onLoad={(e) => setNatural({ width: e.currentTarget.naturalWidth || 1, height: e.currentTarget.naturalHeight || 1 })}
              className="absolute top-1/2 left-1/2 max-w-none"
              style={
                view && natural
                  ? { width: natural.width * view.scale, height: natural.height * view.scale, transform: `translate(-50%, -50%) translate(${view.x + pulled.x}px, ${view.y + pulled.y}px)` }
                  : { visibility: 'hidden' }
              }
            />
          </div>
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  )
}
