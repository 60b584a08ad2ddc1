import { ArrowDown } from 'lucide-react'
import { useVirtualizer } from '@tanstack/react-virtual'
import { useCallback, useEffect, useImperativeHandle, useLayoutEffect, useRef, useState, type ReactNode, type Ref } from 'react'
import { useT } from '@/i18n'
import { Button } from '@/ui/Button'
import { Spinner } from '@/ui/Spinner'
import { cx } from '@/ui/cx'
import { usePull } from '@/ui/usePull'

export interface Item {
  key: string
  /** A first guess, replaced by what is measured. */
  height: number
  render(): ReactNode
}

export interface TimelineHandle {
  toEnd(): void
  toKey(key: string): void
}

interface Props {
  items: readonly Item[]
  label: string
  hasOlder: boolean
  loadingOlder: boolean
  olderError: string | null
  onOlder(): void
  onAtEnd(atEnd: boolean): void
  /** A row whose being seen matters, and whether it is. */
  watched: string | null
  onWatched(visible: boolean): void
  handle: Ref<TimelineHandle>
}

/** Older rows are asked for when this few are left above. */
const olderWithin = 4
const endThreshold = 24

/**
 * The conversation as it scrolls. Only rows near the view exist; their heights
 * are measured. The view stays with what is read when rows come above, and
 * follows the end only while the person is there.
 */
export function Timeline({ items, label, hasOlder, loadingOlder, olderError, onOlder, onAtEnd, watched, onWatched, handle }: Props) {
  const t = useT()
  const scroller = useRef<HTMLDivElement>(null)
  const [atEnd, setAtEnd] = useState(true)
  const [seenCount, setSeenCount] = useState(items.length)
  const settled = useRef(false)

  const virtualizer = useVirtualizer({
    count: items.length,
    getScrollElement: () => scroller.current,
    estimateSize: (i) => items[i]?.height ?? 60,
    getItemKey: (i) => items[i]?.key ?? i,
    anchorTo: 'end',
    followOnAppend: true,
    scrollEndThreshold: endThreshold,
    overscan: 6,
    paddingStart: 12,
    paddingEnd: 12,
    gap: 12,
  })

  useImperativeHandle(handle, () => ({
    toEnd() {
      following.current = true
      virtualizer.scrollToEnd()
    },
    toKey(key) {
      const index = items.findIndex((i) => i.key === key)
      if (index < 0) return
      following.current = false
      virtualizer.scrollToIndex(index, { align: 'start' })
    },
  }))

  const some = items.length > 0
  const total = virtualizer.getTotalSize()
  // Once at the end the view stays there while rows are measured, grow or come,
  // until the person scrolls up.
  const following = useRef(true)
  useLayoutEffect(() => {
    if (!some) return
    settled.current = true
    if (following.current) virtualizer.scrollToEnd()
  }, [some, total, virtualizer])
  useEffect(() => {
    const el = scroller.current
    if (!el) return
    const observer = new ResizeObserver(() => {
      if (following.current) el.scrollTop = el.scrollHeight
    })
    observer.observe(el)
    return () => observer.disconnect()
  }, [])

  useEffect(() => {
    const onKey = (e: globalThis.KeyboardEvent) => {
      if (e.key.toLowerCase() !== 'a' || !(e.metaKey || e.ctrlKey) || e.shiftKey || e.altKey) return
      const typing = e.target instanceof HTMLElement && e.target.closest('input, textarea, select, [contenteditable], [role=dialog]')
      if (typing || !scroller.current) return
      e.preventDefault()
      getSelection()?.selectAllChildren(scroller.current)
    }
    window.addEventListener('keydown', onKey)
    return () => window.removeEventListener('keydown', onKey)
  }, [])

  const firstVisible = virtualizer.range?.startIndex ?? 0
  const short = some && total < (scroller.current?.clientHeight ?? 0)
  const wantOlder = hasOlder && !loadingOlder && olderError === null && settled.current && some && (firstVisible <= olderWithin || short)
  useEffect(() => {
    if (wantOlder) onOlder()
  }, [wantOlder, onOlder])

  const pull = usePull(
    scroller,
    useCallback(async () => {
      if (hasOlder && !loadingOlder) onOlder()
    }, [hasOlder, loadingOlder, onOlder]),
  )

  const lastTop = useRef(0)
  const onScroll = () => {
    const el = scroller.current
    if (!el) return
    const up = el.scrollTop < lastTop.current - 1
    lastTop.current = el.scrollTop
    const near = el.scrollHeight - el.scrollTop - el.clientHeight <= endThreshold
    if (near) following.current = true
    else if (up) following.current = false
    if (following.current === atEnd) return
    setAtEnd(following.current)
    onAtEnd(following.current)
    setSeenCount(items.length)
  }
  const range = virtualizer.range
  const watchedAt = watched === null ? -1 : items.findIndex((i) => i.key === watched)
  const visible = watchedAt >= 0 && range !== null && watchedAt >= range.startIndex && watchedAt <= range.endIndex
  useEffect(() => onWatched(visible), [visible, onWatched])
  useEffect(() => {
    if (atEnd) setSeenCount(items.length)
  }, [atEnd, items.length])

  const fresh = Math.max(0, items.length - seenCount)
  return (
    <div className="relative min-h-0 flex-1">
      <div ref={scroller} onScroll={onScroll} role="log" aria-label={label} tabIndex={0} className="quiet-scroll h-full overflow-x-hidden overflow-y-auto overscroll-contain outline-none [overflow-anchor:none]">
        {loadingOlder || olderError ? (
          <div role="status" className="absolute inset-x-0 top-1 z-10 flex justify-center">
            <span className="flex items-center gap-2 rounded-full border border-line bg-raised px-3 py-1 text-s text-ink-2">
              {olderError ? (
                <>
                  {pull.at === 'pulled' ? <ArrowDown aria-hidden className={cx('size-4 transition-transform', pull.enough && 'rotate-180')} /> : null}
                  {t('history.failed')}
                  <button type="button" className="text-accent" onClick={onOlder}>
                    {t('common.retry')}
                  </button>
                </>
              ) : (
                <>
                  <Spinner /> {t('history.loading')}
                </>
              )}
            </span>
          </div>
        ) : null}
        <div className="relative mx-auto w-full max-w-[760px]" style={{ height: total }}>
          {virtualizer.getVirtualItems().map((v) => (
            <div key={v.key} data-index={v.index} ref={virtualizer.measureElement} className="absolute inset-x-0 top-0 px-4" style={{ transform: `translateY(${v.start}px)` }}>
              {items[v.index]?.render()}
            </div>
          ))}
        </div>
      </div>
      {atEnd ? null : (
        <Button
          className="absolute bottom-3 left-1/2 -translate-x-1/2 animate-in rounded-full! shadow-lg"
          onClick={() => {
            following.current = true
            virtualizer.scrollToEnd({ behavior: matchMedia('(prefers-reduced-motion: reduce)').matches ? 'auto' : 'smooth' })
          }}
        >
          {fresh > 0 ? t.count('history.new', fresh) : t('history.latest')}
          <ArrowDown className="size-4" />
        </Button>
      )}
    </div>
  )
}
