/** What each running agent is doing just now, as far as the stream told since this page was opened. */
import type { Message } from '@/api/types'
import { decode } from '@/model/decode'
import { isTitleTool, kindOf, subjectOf, type ToolKind } from '@/model/tools'

export interface Doing {
  kind: ToolKind
  subject: string
}

export class Activity {
  #doing = new Map<string, Doing>()
  #listeners = new Set<() => void>()

  subscribe = (tell: () => void) => {
    this.#listeners.add(tell)
    return () => this.#listeners.delete(tell)
  }

  of(id: string): Doing | null {
    return this.#doing.get(id) ?? null
  }

  clear(id: string) {
    if (this.#doing.delete(id)) this.#tell()
  }

  onMessage(id: string, message: Message) {
    const call = decode(message)?.parts.findLast((p) => p.kind === 'tool-call')
    if (!call || call.kind !== 'tool-call' || isTitleTool(call.name)) return
    const kind = kindOf(call.name)
    if (kind === 'todo' || kind === 'question' || kind === 'plan') return
    this.#doing.set(id, { kind, subject: subjectOf(call.name, call.input, call.description) })
    this.#tell()
  }

  #tell() {
    for (const tell of this.#listeners) tell()
  }
}
