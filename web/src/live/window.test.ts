import { describe, expect, test } from 'vitest'
import type { Message, Page } from '@/api/types'
import { emptyWindow, isQueued, keptAtTail, reduceWindow, type MessageWindow } from './window'

const row = (seq: number, more: Partial<Message> = {}): Message => ({ id: `m${seq}`, seq, localId: null, createdAt: seq * 10, invokedAt: seq * 10, scheduledAt: null, content: { role: 'agent', content: { type: 'text', text: `${seq}` } }, ...more })
const prompt = (seq: number, more: Partial<Message> = {}): Message => row(seq, { localId: `l${seq}`, invokedAt: null, content: { role: 'user', content: { type: 'text', text: `p${seq}` } }, ...more })
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => row(from + i))

function page(messages: Message[], more: Partial<Page['page']> = {}): Page {
  const lowest = Math.min(...messages.map((m) => m.seq ?? 1e9))
  const meta = { direction: 'latest' as const, limit: 200, epoch: 0, reset: false, nextBeforeSeq: lowest, nextBeforeAt: lowest * 10, nextAfterSeq: null, nextAfterAt: null, snapshotHeadSeq: null, snapshotHeadAt: null, hasMore: true, ...more }
  return { messages, hasMore: meta.hasMore, page: meta }
}
const ids = (w: MessageWindow) => w.rows.map((m) => m.seq ?? m.id)
const loaded = (messages: Message[], more: Partial<Page['page']> = {}) => reduceWindow(emptyWindow, { type: 'latest-page', page: page(messages, more) })

describe('a window', () => {
  test('is ascending whatever the order of the page', () => {
    expect(ids(loaded(range(1, 5).toReversed()))).toEqual([1, 2, 3, 4, 5])
  })

  test('takes live rows and shows none twice', () => {
    let w = loaded(range(1, 3))
    for (const seq of [4, 4, 3]) w = reduceWindow(w, { type: 'message-received', sessionId: 's', message: row(seq) })
    expect(ids(w)).toEqual([1, 2, 3, 4])
  })

  test('keeps reading backwards without a hole', () => {
    let w = loaded(range(11, 15))
    expect(w.older).toEqual({ at: 110, seq: 11 })
    w = reduceWindow(w, { type: 'older-page', page: page(range(6, 11), { direction: 'before' }) })
    w = reduceWindow(w, { type: 'older-page', page: page(range(1, 5), { direction: 'before', hasMore: false }) })
    expect(ids(w)).toEqual(Array.from({ length: 15 }, (_, i) => i + 1))
    expect(w.older).toBeNull()
  })

  test('joins a newest page that touches it and is replaced by one that does not', () => {
    const w = loaded(range(1, 5), { hasMore: false })
    expect(ids(reduceWindow(w, { type: 'latest-page', page: page(range(4, 8)) }))).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
    expect(ids(reduceWindow(w, { type: 'latest-page', page: page(range(20, 22)) }))).toEqual([20, 21, 22])
  })

  test('of another epoch begins anew', () => {
    const w = loaded(range(1, 5))
    expect(ids(reduceWindow(w, { type: 'latest-page', page: page(range(5, 6), { epoch: 1 }) }))).toEqual([5, 6])
    expect(reduceWindow(w, { type: 'older-page', page: page(range(1, 2), { epoch: 1 }) }).stale).toBe(true)
  })

  test('forgets everything when the history changed', () => {
    expect(reduceWindow(loaded(range(1, 3)), { type: 'messages-invalidated', sessionId: 's' })).toMatchObject({ rows: [], stale: true, loaded: false })
  })

  test('is short while the newest are followed, and can go on from where it was cut', () => {
    const w = reduceWindow(loaded(range(1, 600), { hasMore: false }), { type: 'trim', following: true })
    expect(w.rows).toHaveLength(keptAtTail)
    expect(w.older).toEqual({ at: 2010, seq: 201 })
  })
})

describe('a prompt', () => {
  test('waits until it is taken, then stands where it was taken', () => {
    let w = loaded([row(1), prompt(2), row(3)])
    expect(w.rows.filter(isQueued)).toHaveLength(1)
    w = reduceWindow(w, { type: 'messages-consumed', sessionId: 's', localIds: ['l2'], invokedAt: 35 })
    expect(ids(w)).toEqual([1, 3, 2])
    expect(w.rows.filter(isQueued)).toHaveLength(0)
  })

  test('that was taken does not wait again because of an older page', () => {
    let w = loaded([row(1), prompt(2)])
    w = reduceWindow(w, { type: 'messages-consumed', sessionId: 's', localIds: ['l2'], invokedAt: 25 })
    w = reduceWindow(w, { type: 'latest-page', page: page([row(1), prompt(2)]) })
    expect(w.rows.filter(isQueued)).toHaveLength(0)
  })

  test('can be taken back by its id or its local id', () => {
    for (const messageId of ['m2', 'l2']) expect(ids(reduceWindow(loaded([row(1), prompt(2)]), { type: 'message-cancelled', sessionId: 's', messageId }))).toEqual([1])
  })

  test('that the complete page does not name is gone, one beyond a short page is not', () => {
    const w = loaded([prompt(1), ...range(2, 9)])
    expect(reduceWindow(w, { type: 'latest-page', page: page(range(5, 9)) }).rows.some(isQueued)).toBe(false)
    expect(reduceWindow(w, { type: 'latest-page', page: page(range(5, 9), { limit: 40 }) }).rows.some(isQueued)).toBe(true)
  })

  test('is never trimmed while it waits', () => {
    const w = reduceWindow(loaded([prompt(1), ...range(2, 700)]), { type: 'trim', following: true })
    expect(w.rows.some(isQueued)).toBe(true)
  })

  test('whose delivery is unclear says so until it is settled', () => {
    let w = reduceWindow(loaded([prompt(1)]), { type: 'messages-indeterminate', sessionId: 's', localIds: ['l1'] })
    expect(w.rows[0]?.deliveryState).toBe('indeterminate')
    w = reduceWindow(w, { type: 'messages-requeued', sessionId: 's', localIds: ['l1'] })
    expect(w.rows[0]).not.toHaveProperty('deliveryState')
  })
})
