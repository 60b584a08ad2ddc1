/** Days as a calendar shows them, in the person's time zone. Pure. */
import type { Translate } from '@/i18n/translator'

/** From the begin of a day to the begin of the day after the last one. */
export interface Span {
  from: number
  until: number
}

export const dayOf = (at: number): number => new Date(at).setHours(0, 0, 0, 0)

/** Some days later; a day is not always 24 hours long. */
export function addDays(day: number, n: number): number {
  const d = new Date(day)
  return new Date(d.getFullYear(), d.getMonth(), d.getDate() + n).getTime()
}

/** The span of two days, whichever was named first. */
export const spanOf = (a: number, b: number): Span => ({ from: Math.min(a, b), until: addDays(Math.max(a, b), 1) })

export const within = (span: Span | null, at: number): boolean => span === null || (at >= span.from && at < span.until)

/** The weeks of the month of a day, from Monday to Sunday, with days of its neighbours to fill them. */
export function weeksOf(day: number): number[][] {
  const d = new Date(day)
  const first = new Date(d.getFullYear(), d.getMonth(), 1)
  const start = addDays(first.getTime(), -((first.getDay() + 6) % 7))
  const next = new Date(d.getFullYear(), d.getMonth() + 1, 1).getTime()
  const weeks: number[][] = []
  for (let at = start; at < next; at = addDays(at, 7)) weeks.push(Array.from({ length: 7 }, (_, i) => addDays(at, i)))
  return weeks
}

export function addMonths(day: number, n: number): number {
  const d = new Date(day)
  return new Date(d.getFullYear(), d.getMonth() + n, 1).getTime()
}

/** A day as the hub names it: 2026-11-25. */
export function dayKey(day: number): string {
  const d = new Date(day)
  const two = (n: number) => String(n).padStart(2, '0')
  return `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())}`
}

/** So many days that end with this one, or more if the first that is named is older. */
export function daysUntil(day: number, least: number, first: string | undefined): number[] {
  const [y = 0, m = 1, d = 1] = (first ?? dayKey(day)).split('-').map(Number)
  const days: number[] = []
  for (let at = Math.min(addDays(day, 1 - least), new Date(y, m - 1, d).getTime()); at <= day; at = addDays(at, 1)) days.push(at)
  return days
}

/** One day in a few letters. */
export const dayText = (day: number, t: Translate): string => new Date(day).toLocaleDateString(t.language, { day: 'numeric', month: 'short' })

/** The days of a span in a few letters. */
export function daysText(span: Span, now: number, t: Translate): string {
  const of = (at: number) => dayText(at, t)
  const last = addDays(span.until, -1)
  if (span.from === last) return span.from === dayOf(now) ? t('days.today') : of(last)
  return `${of(span.from)} – ${of(last)}`
}
