import type { Translate } from '@/i18n'

/** 118K: a number for people who only want to know about how many. */
export function inShort(n: number, t: Translate): string {
  return n.toLocaleString(t.language, { notation: 'compact', maximumFractionDigits: 1 })
}
