import type { Translate } from '@/i18n'

const minute = 60_000
const hour = 60 * minute
const day = 24 * hour

/** How long ago, as short as it can be said. */
export function ago(at: number, now: number, t: Translate): string {
  const passed = Math.max(0, now - at)
  if (passed < 10_000) return t('time.now')
  if (passed < minute) return t('time.seconds', { n: Math.floor(passed / 1000) })
  if (passed < hour) return t('time.minutes', { n: Math.floor(passed / minute) })
  if (passed < day) return t('time.hours', { n: Math.floor(passed / hour) })
  if (passed < 6 * day) return new Date(at).toLocaleDateString(t.language, { weekday: 'short' })
  const sameYear = new Date(at).getFullYear() === new Date(now).getFullYear()
  return new Date(at).toLocaleDateString(t.language, sameYear ? { day: 'numeric', month: 'short' } : { day: 'numeric', month: 'short', year: 'numeric' })
}

/** A running clock: 0:41, 12:05, 1:02:03. */
export function clock(ms: number): string {
  const s = Math.max(0, Math.floor(ms / 1000))
  const pad = (n: number) => String(n).padStart(2, '0')
  const h = Math.floor(s / 3600)
  return h > 0 ? `${h}:${pad(Math.floor(s / 60) % 60)}:${pad(s % 60)}` : `${Math.floor(s / 60)}:${pad(s % 60)}`
}

/** How long something took: 0.4 s, 12 s, 3 min. */
export function took(ms: number, t: Translate): string {
  if (ms < 10_000) return t('time.seconds', { n: (Math.round(ms / 100) / 10).toLocaleString(t.language) })
  if (ms < minute) return t('time.seconds', { n: Math.round(ms / 1000) })
  if (ms < hour) return t('time.minutes', { n: Math.round(ms / minute) })
  return t('time.hours', { n: Math.round(ms / hour) })
}

export function hourMinute(at: number, t: Translate): string {
  return new Date(at).toLocaleTimeString(t.language, { hour: '2-digit', minute: '2-digit', hour12: false })
}

export function dayAndTime(at: number, t: Translate): string {
  const sameDay = new Date(at).toDateString() === new Date().toDateString()
  return sameDay ? hourMinute(at, t) : `${new Date(at).toLocaleDateString(t.language, { weekday: 'short', day: 'numeric', month: 'short' })}, ${hourMinute(at, t)}`
}
