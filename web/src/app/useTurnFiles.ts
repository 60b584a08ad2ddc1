import { useMemo } from 'react'
import type { Metadata } from '@/api/types'
import { buildConversation, editedTools } from '@/features/read-session/blocks'
import { relative } from '@/features/read-session/context'
import { filesOf } from '@/features/read-session/ToolView'
import { useSession, useWindow } from '@/live/hooks'
import { countLines, type Hunk } from '@/model/diff'

export interface TurnChange {
  path: string
  added: number
  removed: number
  hunks: Hunk[]
}

/** Files the agent changed since the person's last message. */
export function useTurnFiles(sessionId: string): TurnChange[] {
  const { data: session } = useSession(sessionId)
  const { window: rows } = useWindow(sessionId)
  const cwd = (session?.metadata as Metadata | null | undefined)?.path ?? ''
  return useMemo(() => {
    const { blocks } = buildConversation(rows.rows, session?.agentState)
    const from = blocks.findLastIndex((b) => b.kind === 'user')
    const byPath = new Map<string, TurnChange>()
    for (const tool of editedTools(blocks.slice(from + 1))) {
      for (const f of filesOf(tool)) {
        const path = relative(f.path, cwd)
        const counts = countLines(f.hunks)
        const known = byPath.get(path) ?? { path, added: 0, removed: 0, hunks: [] }
        byPath.set(path, { path, added: known.added + counts.added, removed: known.removed + counts.removed, hunks: [...known.hunks, ...f.hunks] })
      }
    }
    return [...byPath.values()]
  }, [rows.rows, session?.agentState, cwd])
}
