import type { Socket } from 'socket.io-client'

/** A shell that a session has open, as the hub lists it. */
export interface Shell {
  terminalId: string
  /** How many browsers look at it now. */
  viewers: number
  /** A program runs in its foreground. */
  busy: boolean
  cols: number
  rows: number
  usedAt: number
  /** The last line it printed. */
  line?: string
}

/** What the hub says of a shell that was to be joined and is no more. */
export const closedWords = 'This shell has been closed.'

const answersWithin = 5_000

/** The session's open shells, the one last used first; none where the hub does not tell. */
export async function listShells(socket: Pick<Socket, 'timeout'>, sessionId: string): Promise<readonly Shell[]> {
  try {
    const answer = (await socket.timeout(answersWithin).emitWithAck('terminal:list', { sessionId })) as { terminals?: Shell[] } | undefined
    return answer?.terminals ?? []
  } catch {
    return []
  }
}
