/** What another app shared, on its way to the message it becomes part of. */

export interface SharedContent {
  text: string
  files: File[]
}

let pending: { sessionId: string; content: SharedContent } | null = null

export function giveShared(sessionId: string, content: SharedContent) {
  pending = { sessionId, content }
}

export function takeShared(sessionId: string): SharedContent | null {
  if (pending?.sessionId !== sessionId) return null
  const { content } = pending
  pending = null
  return content
}
