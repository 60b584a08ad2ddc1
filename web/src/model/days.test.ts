import { describe, expect, test } from 'vitest'
import { addDays, dayKey, dayOf, daysUntil, spanOf, weeksOf, within } from './days'
import { sorted } from './directory'

const day = (y: number, m: number, d: number, h = 0) => new Date(y, m - 1, d, h).getTime()

describe('days', () => {
  test('a span holds its first and its last day, whichever was named first', () => {
    const span = spanOf(day(2026, 3, 30), day(2026, 3, 27))
    expect([day(2026, 3, 26, 23), day(2026, 3, 27), day(2026, 3, 30, 23), day(2026, 3, 31)].map((at) => within(span, at))).toEqual([false, true, true, false])
    expect(within(null, 0)).toBe(true)
  })

  test('a month is whole weeks from Monday', () => {
    const weeks = weeksOf(day(2026, 11, 25))
    expect(weeks.map((w) => w.length)).toEqual([7, 7, 7, 7, 7, 7])
    expect(weeks[0]?.[0]).toBe(day(2026, 10, 26))
    expect(weeks.at(-1)?.[6]).toBe(day(2026, 12, 6))
    for (const d of weeks.flat()) expect(dayOf(d)).toBe(d)
  })

  test('days follow each other also when the clock is changed', () => {
    let at = day(2026, 1, 1)
    for (let i = 0; i < 365; i++) {
      const next = addDays(at, 1)
      expect(dayOf(next)).toBe(next)
      expect(next).toBeGreaterThan(at)
      at = next
    }
    expect(at).toBe(day(2027, 1, 1))
  })

  test('a chart has every day of its range, also those without anything', () => {
    expect(daysUntil(day(2026, 3, 2), 4, '2026-03-01').map(dayKey)).toEqual(['2026-02-27', '2026-02-28', '2026-03-01', '2026-03-02'])
    expect(daysUntil(day(2026, 11, 2), 1, '2026-10-31').map(dayKey)).toEqual(['2026-10-31', '2026-11-01', '2026-11-02'])
    expect(daysUntil(day(2026, 11, 2), 1, undefined).map(dayKey)).toEqual(['2026-11-02'])
  })
})

test('a folder is shown by name, by time or by size, folders first', () => {
  const entries = [
    { name: 'b10', type: 'file', size: 50, modified: 1 },
    { name: 'b9', type: 'file', size: 9, modified: 3 },
    { name: 'odd', type: 'file' },
    { name: 'src', type: 'directory', modified: 2 },
  ]
  const names = (order: 'name' | 'modified' | 'size') => sorted(entries, order).map((e) => e.name)
  expect(names('name')).toEqual(['src', 'b9', 'b10', 'odd'])
  expect(names('modified')).toEqual(['src', 'b9', 'b10', 'odd'])
  expect(names('size')).toEqual(['src', 'b10', 'b9', 'odd'])
})
