import type { HubEvent } from './types'

const kinds: Record<HubEvent['type'], readonly string[]> = {
  'connection-changed': ['data'],
  heartbeat: [],
  'session-added': ['sessionId'],
  'session-updated': ['sessionId'],
  'session-removed': ['sessionId'],
  'session-ended': ['sessionId'],
  'scheduled-matured': ['sessionId'],
  'message-received': ['sessionId', 'message'],
  'messages-consumed': ['sessionId', 'localIds', 'invokedAt'],
  'messages-indeterminate': ['sessionId', 'localIds'],
  'messages-requeued': ['sessionId', 'localIds'],
  'message-cancelled': ['sessionId', 'messageId'],
  'messages-invalidated': ['sessionId'],
  'machine-updated': ['machineId'],
  toast: ['data'],
}

/** Reads one frame of the stream. Kinds that a newer hub may add are nobody's business here: null. */
export function parseEvent(data: string): HubEvent | null {
  let value: unknown
  try {
    value = JSON.parse(data)
  } catch {
    return null
  }
  if (typeof value !== 'object' || value === null || !('type' in value) || typeof value.type !== 'string') return null
  const needed = Object.hasOwn(kinds, value.type) ? kinds[value.type as HubEvent['type']] : undefined
  if (!needed || needed.some((key) => !(key in value))) return null
  return value as HubEvent
}

export interface Frame {
  id: string | null
  data: string
}

/** Cuts a byte stream's text into server-sent events. Lines may end anywhere in a chunk. */
export class FrameReader {
  #rest = ''
  #id: string | null = null
  #data: string[] = []

  push(chunk: string): Frame[] {
    const frames: Frame[] = []
    const lines = (this.#rest + chunk).split('\n')
    this.#rest = lines.pop() ?? ''
    for (const raw of lines) {
      const line = raw.endsWith('\r') ? raw.slice(0, -1) : raw
      if (line === '') {
        if (this.#data.length > 0) frames.push({ id: this.#id, data: this.#data.join('\n') })
        this.#id = null
        this.#data = []
        continue
      }
      const colon = line.indexOf(':')
      if (colon === 0) continue
      const field = colon < 0 ? line : line.slice(0, colon)
      const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '')
      if (field === 'data') this.#data.push(value)
      else if (field === 'id') this.#id = value
    }
    return frames
  }
}
