import { FrameReader, parseEvent } from './events'
import type { Hub } from './client'
import type { HubEvent } from './types'

export type StreamState = 'connecting' | 'live' | 'down'

export interface StreamListener {
  onEvent(event: HubEvent): void
  onState(state: StreamState, retryAt: number | null): void
}

const openWithin = 10_000
const silence = 90_000
// A page in the background sleeps, and its connection may be dead without a
// sign. To resume it is cheap, so it is not given until the next heartbeat.
const silenceAfterBackground = 10_000
const checkEvery = 10_000

/** How long to wait before attempt n (0 is the first retry), without jitter. */
export function backoff(attempt: number): number {
  if (attempt === 0) return 0
  const ceiling = attempt > 8 ? 300_000 : 30_000
  return Math.min(ceiling, 1000 * 2 ** (attempt - 1))
}

/**
 * The one event stream of the app. It resumes from the last event it handled,
 * notices a dead connection by its silence, and rests while nobody looks.
 */
export class EventStream {
  #hub: Hub
  #listener: StreamListener
  #cursor: string | null = null
  #abort: AbortController | null = null
  #attempt = 0
  #timer: ReturnType<typeof setTimeout> | null = null
  #watch: ReturnType<typeof setInterval> | null = null
  #lastFrame = 0
  #stopped = true
  subscriptionId: string | null = null

  constructor(hub: Hub, listener: StreamListener) {
    this.#hub = hub
    this.#listener = listener
  }

  start() {
    if (!this.#stopped) return
    this.#stopped = false
    document.addEventListener('visibilitychange', this.#onVisibility)
    window.addEventListener('online', this.retryNow)
    this.#watch = setInterval(() => {
      if (document.visibilityState === 'visible') this.#ifSilentFor(silence)
    }, checkEvery)
    void this.#connect()
  }

  stop() {
    this.#stopped = true
    document.removeEventListener('visibilitychange', this.#onVisibility)
    window.removeEventListener('online', this.retryNow)
    if (this.#watch) clearInterval(this.#watch)
    if (this.#timer) clearTimeout(this.#timer)
    this.#timer = null
    this.#abort?.abort()
  }

  retryNow = () => {
    if (this.#stopped || this.#abort) return
    if (this.#timer) clearTimeout(this.#timer)
    this.#timer = null
    void this.#connect()
  }

  #ifSilentFor(limit: number) {
    if (this.#abort && this.#lastFrame > 0 && Date.now() - this.#lastFrame > limit) this.#abort.abort()
  }

  #onVisibility = () => {
    this.#tellVisibility(2)
    if (document.visibilityState !== 'visible') return
    this.#ifSilentFor(silenceAfterBackground)
    this.retryNow()
  }

  #tellVisibility(tries: number) {
    const subscriptionId = this.subscriptionId
    if (!subscriptionId || tries === 0) return
    this.#hub.call('POST', '/api/visibility', { subscriptionId, visibility: document.visibilityState }).catch(() => {
      setTimeout(() => this.#tellVisibility(tries - 1), 2000)
    })
  }

  async #connect() {
    const abort = new AbortController()
    this.#abort = abort
    this.#lastFrame = 0
    this.#listener.onState('connecting', null)
    const opening = setTimeout(() => abort.abort(), openWithin)
    try {
      const headers: Record<string, string> = { Accept: 'text/event-stream' }
      if (this.#cursor) headers['Last-Event-ID'] = this.#cursor
      const response = await this.#hub.fetch(`/api/events?all=true&visibility=${document.visibilityState}`, { headers, signal: abort.signal })
      if (!response.ok || !response.body) throw new Error(`stream: ${response.status}`)
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
      const frames = new FrameReader()
      for (;;) {
        const { done, value } = await reader.read()
        if (done) break
        this.#lastFrame = Date.now()
        for (const frame of frames.push(value)) {
          const event = parseEvent(frame.data)
          if (event?.type === 'connection-changed') {
            clearTimeout(opening)
            this.#attempt = 0
            this.subscriptionId = event.data.subscriptionId ?? null
            this.#listener.onState('live', null)
          }
          if (event) this.#listener.onEvent(event)
          if (frame.id) this.#cursor = frame.id
        }
      }
    } catch {
      // whatever ended it, the answer is the same: try again
    } finally {
      clearTimeout(opening)
      abort.abort()
    }
    this.#abort = null
    this.subscriptionId = null
    if (!this.#stopped) this.#retryLater()
  }

  #retryLater() {
    const wait = backoff(this.#attempt) + Math.random() * 500
    this.#attempt += 1
    this.#listener.onState('down', Date.now() + wait)
    if (document.visibilityState !== 'visible') return // comes back with the person
    this.#timer = setTimeout(() => {
      this.#timer = null
      void this.#connect()
    }, wait)
  }
}
