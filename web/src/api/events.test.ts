import { describe, expect, test } from 'vitest'
import { FrameReader, parseEvent } from './events'
import { backoff } from './stream'

describe('frames', () => {
  test('are found wherever the network cuts', () => {
    const text = 'data: {"type":"heartbeat"}\n\n: comment\ndata: {"type":"session-removed","sessionId":"s1"}\r\nid: e:1:t\r\n\r\n'
    for (let cut = 0; cut <= text.length; cut++) {
      const reader = new FrameReader()
      const frames = [...reader.push(text.slice(0, cut)), ...reader.push(text.slice(cut))]
      expect(frames).toEqual([
        { id: null, data: '{"type":"heartbeat"}' },
        { id: 'e:1:t', data: '{"type":"session-removed","sessionId":"s1"}' },
      ])
    }
  })

  test('an id belongs to its own frame only, so a heartbeat never moves the cursor', () => {
    const frames = new FrameReader().push('id: 1\ndata: a\n\ndata: b\n\n')
    expect(frames.map((f) => f.id)).toEqual(['1', null])
  })
})

describe('events', () => {
  test.each(['', 'nonsense', '[]', '{"type":7}', '{"type":"from-a-newer-hub"}', '{"type":"constructor"}', '{"type":"message-received","sessionId":"s"}'])('%s is nobody’s business', (data) => {
    expect(parseEvent(data)).toBeNull()
  })
  test('a known one is handed on', () => {
    expect(parseEvent('{"type":"session-ended","sessionId":"s1"}')).toEqual({ type: 'session-ended', sessionId: 's1' })
  })
})

test('retries come at once, then ever more seldom, up to five minutes', () => {
  expect([0, 1, 2, 3, 6, 7, 8, 9, 20].map(backoff)).toEqual([0, 1000, 2000, 4000, 30_000, 30_000, 30_000, 256_000, 300_000])
})
