import { Check, Pin } from 'lucide-react'
import { useRef, type MouseEvent, type PointerEvent, type ReactNode } from 'react'
import type { SessionSummary } from '@/api/types'
import { useT } from '@/i18n'
import { useActivity, useNow } from '@/live/hooks'
import { flavorOf } from '@/model/flavor'
import { titleOf } from '@/model/session'
import { ago } from '@/model/time'
import { Avatar } from '@/ui/Avatar'
import { Dot } from '@/ui/Dot'
import { cx } from '@/ui/cx'
import { stateLine } from './line'

interface Props {
  session: SessionSummary
  unread: boolean
  selected: boolean
  /** Rows are being picked for a bulk action; null when they are not. */
  picked: boolean | null
  /** What the row says instead of its state. */
  line?: string
  needs?: boolean
  menu?: ReactNode
  onOpen(): void
  onPick(): void
  onSwipe?: () => void
}

const holdFor = 500
const swipeFrom = 72

/** One session as one target: tap opens, hold picks, a swipe to the left archives. */
export function Row({ session: s, unread, selected, picked, line, needs, menu, onOpen, onPick, onSwipe }: Props) {
  const t = useT()
  const now = useNow(s.active ? 5_000 : 60_000)
  const activity = useActivity(s.id)
  const flavor = flavorOf(s.metadata?.flavor)
  const tone = needs ? 'waits' : s.active && s.thinking ? 'works' : null
  const press = usePress(onPick, onSwipe)
  const since = needs ? (s.pendingRequests[0]?.since ?? s.updatedAt) : s.updatedAt
  const open = (e: MouseEvent) => {
    if (press.swallow()) return
    if (picked !== null || e.shiftKey || e.ctrlKey || e.metaKey) onPick()
    else onOpen()
  }
  return (
    <div className={cx('group/row relative touch-pan-y', selected && !needs && 'bg-sunken', !needs && 'hover:bg-sunken/60')} {...press.handlers}>
      <button
        type="button"
        onClick={open}
        aria-current={selected ? 'page' : undefined}
        aria-pressed={picked ?? undefined}
        className={cx('grid w-full grid-cols-[32px_1fr_auto] items-start gap-x-3 text-left select-none', needs ? 'px-3.5 pt-3 pb-1.5 pl-4' : 'px-4 py-2.5')}
      >
        {picked ? (
          <span aria-hidden className="row-span-2 mt-0.5 grid size-8 place-items-center rounded-[9px] bg-accent text-accent-ink">
            <Check className="size-4" />
          </span>
        ) : (
          <span className="row-span-2 mt-0.5">
            <Avatar letter={flavor.letter} tone={tone} onRaised={needs ?? false} />
          </span>
        )}
        <span className={cx('truncate text-m leading-5', unread ? 'font-semibold' : 'font-medium', !s.active && !unread && 'text-ink-2')}>{titleOf(s)}</span>
        <span className="flex items-center gap-1.5 pt-0.5 text-xs text-ink-2 num">
          {unread && !needs ? (
            <>
              <Dot tone="works" />
              <span className="sr-only">{t('row.unread')}</span>
            </>
          ) : null}
          {s.pinned || s.globalPinned ? <Pin aria-label={t('row.pinned')} className="size-3" /> : null}
          <span className={cx(menu !== undefined && 'group-focus-within/row:opacity-0 group-hover/row:opacity-0 touch:opacity-100!')}>{ago(since, now, t)}</span>
        </span>
        <span className="col-span-2 truncate text-s text-ink-2">{line ?? stateLine(s, activity, unread, t)}</span>
      </button>
      {menu && picked === null ? <div className="absolute top-1.5 right-2 rounded-m bg-sunken opacity-0 group-focus-within/row:opacity-100 group-hover/row:opacity-100 touch:hidden">{menu}</div> : null}
    </div>
  )
}

/** Tells a hold and a swipe from a tap. */
function usePress(onHold: () => void, onSwipe: (() => void) | undefined) {
  const state = useRef<{ x: number; y: number; timer: ReturnType<typeof setTimeout>; handled: boolean } | null>(null)
  const handled = useRef(0)
  const cancel = () => {
    if (state.current) clearTimeout(state.current.timer)
    state.current = null
  }
  return {
    /** Whether the click that comes now belongs to a gesture. */
    swallow: () => Date.now() - handled.current < 700,
    handlers: {
      onPointerDown(e: PointerEvent) {
        if (e.pointerType === 'mouse') return
        state.current = {
          x: e.clientX,
          y: e.clientY,
          handled: false,
          timer: setTimeout(() => {
            handled.current = Date.now()
            navigator.vibrate?.(8)
            onHold()
            cancel()
          }, holdFor),
        }
      },
      onPointerMove(e: PointerEvent) {
        const s = state.current
        if (!s) return
        if (Math.abs(e.clientX - s.x) > 10 || Math.abs(e.clientY - s.y) > 10) clearTimeout(s.timer)
        if (onSwipe && s.x - e.clientX > swipeFrom && Math.abs(e.clientY - s.y) < 30) {
          handled.current = Date.now()
          cancel()
          onSwipe()
        }
      },
      onPointerUp: cancel,
      onPointerCancel: cancel,
      onContextMenu(e: MouseEvent) {
        if (Date.now() - handled.current < 700) e.preventDefault()
      },
    },
  }
}
