import { useEffect, useRef, useState, type RefObject } from 'react'

/** How far a finger has to pull, in px: until something is seen, and until letting go does it. */
export const pullSeen = 16
export const pullDone = 64
const pullMost = 96

export type Pull = { at: 'rest' } | { at: 'pulled'; by: number; enough: boolean } | { at: 'busy' }

/** What a finger that went down by so many px at the top of a list shows: it follows more and more slowly. */
export function pulled(px: number): Pull {
  if (px < pullSeen) return { at: 'rest' }
  const beyond = Math.max(0, px - pullDone)
  return { at: 'pulled', by: Math.min(pullMost, px - beyond / 2), enough: px >= pullDone }
}

/** Lets a finger pull a list down at its top; letting go far enough calls refresh, once at a time. */
export function usePull(scroller: RefObject<HTMLElement | null>, refresh: () => Promise<unknown>): Pull {
  const [pull, setPull] = useState<Pull>({ at: 'rest' })
  const latest = useRef(refresh)
  useEffect(() => {
    latest.current = refresh
  }, [refresh])
  useEffect(() => {
    const el = scroller.current
    if (!el) return
    let from: number | null = null
    let busy = false
    let now: Pull = { at: 'rest' }
    const show = (next: Pull) => {
      now = next
      setPull(next)
    }
    const down = (e: TouchEvent) => {
      from = !busy && e.touches.length === 1 && el.scrollTop <= 0 ? (e.touches[0]?.clientY ?? null) : null
    }
    const move = (e: TouchEvent) => {
      if (from === null) return
      const px = (e.touches[0]?.clientY ?? from) - from
      if (e.touches.length !== 1 || px < 0 || el.scrollTop > 0) {
        from = null
        if (now.at !== 'rest') show({ at: 'rest' })
        return
      }
      const next = pulled(px)
      if (next.at === 'pulled' && e.cancelable) e.preventDefault() // the list does not scroll meanwhile
      if (next.at !== 'rest' || now.at !== 'rest') show(next)
    }
    const up = async () => {
      if (from === null) return
      from = null
      if (now.at !== 'pulled') return
      if (!now.enough) return show({ at: 'rest' })
      busy = true
      show({ at: 'busy' })
      try {
        await latest.current()
      } finally {
        busy = false
        show({ at: 'rest' })
      }
    }
    const cancel = () => {
      from = null
      if (!busy) show({ at: 'rest' })
    }
    const end = () => void up()
    el.addEventListener('touchstart', down, { passive: true })
    el.addEventListener('touchmove', move, { passive: false })
    el.addEventListener('touchend', end)
    el.addEventListener('touchcancel', cancel)
    return () => {
      el.removeEventListener('touchstart', down)
      el.removeEventListener('touchmove', move)
      el.removeEventListener('touchend', end)
      el.removeEventListener('touchcancel', cancel)
    }
  }, [scroller])
  return pull
}
