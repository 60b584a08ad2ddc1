import { createContext, useContext, useSyncExternalStore, type ReactNode } from 'react'
import type { LinkRules } from '@/ui/Markdown'
import type { Block, Tool } from './blocks'

/** What rows need to know of the conversation they are in. */
export interface Reading {
  sessionId: string
  cwd: string
  renderRequest(tool: Tool): ReactNode
  /** More rows for the menu of one of the person's messages. */
  renderActions(message: Extract<Block, { kind: 'user' }>): ReactNode
  openFile(path: string): void
  links: LinkRules
  open: OpenRows
  reasoningOpen: boolean
}

/** Which rows are unfolded; kept outside of them, since rows come and go with scrolling. */
export class OpenRows {
  #open = new Map<string, boolean>()
  #listeners = new Set<() => void>()
  subscribe = (tell: () => void) => {
    this.#listeners.add(tell)
    return () => this.#listeners.delete(tell)
  }
  get = (id: string) => this.#open.get(id)
  set(id: string, open: boolean) {
    this.#open.set(id, open)
    for (const tell of this.#listeners) tell()
  }
}

export const ReadingContext = createContext<Reading | null>(null)

export function useReading(): Reading {
  const reading = useContext(ReadingContext)
  if (!reading) throw new Error('outside of a conversation')
  return reading
}

export function useOpen(id: string, byDefault: boolean): [boolean, (open: boolean) => void] {
  const { open } = useReading()
  const value = useSyncExternalStore(open.subscribe, () => open.get(id))
  return [value ?? byDefault, (next) => open.set(id, next)]
}

/** A path as seen from the session's folder. */
export function relative(path: string, cwd: string): string {
  const base = cwd.replace(/[\\/]$/, '')
  return base && path.startsWith(`${base}/`) ? path.slice(base.length + 1) : path
}
