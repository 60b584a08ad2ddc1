/** Going back in a conversation: what its agent can do, and what stands in the way right now. */
import type { Message, Metadata, Session } from '@/api/types'

export interface TurnBackRights {
  forkNow: boolean
  forkAt(localId: string | null): boolean
  rewindTo(localId: string | null): boolean
}

const pointMaps = ['conversationHistoryPoints', 'conversationHistoryIndexes', 'conversationHistoryTurns', 'conversationHistoryEntryIds'] as const

/** An agent goes back only to messages it has noted as points of its own history. */
export function turnBackRights(meta: Metadata | null): TurnBackRights {
  const can = meta?.capabilities?.conversationHistory ?? {}
  const isPoint = (localId: string | null) => localId !== null && pointMaps.some((map) => (meta?.[map]?.[localId] ?? false) !== false)
  return {
    forkNow: can.forkCurrent === true,
    forkAt: (localId) => can.forkAtMessage === true && isPoint(localId),
    rewindTo: (localId) => can.rewindToMessage === true && isPoint(localId),
  }
}

export type TurnBack = 'fork' | 'rewind'
export type Obstacle = 'inactive' | 'local' | 'working' | 'diverged' | 'queued'

/** The first thing that would have the hub refuse. A message for later stays where it is in a fork, and may be lost in a rewind. */
export function obstacleTo(action: TurnBack, session: Session, queued: readonly Message[], now: number): Obstacle | null {
  if (!session.active) return 'inactive'
  if (session.agentState?.controlledByUser === true) return 'local'
  if (session.thinking) return 'working'
  if ((session.metadata as Metadata | null)?.conversationHistoryDiverged === true) return 'diverged'
  const inTheWay = queued.filter((m) => action === 'rewind' || m.scheduledAt === null || m.scheduledAt <= now)
  return inTheWay.length > 0 ? 'queued' : null
}
