import { useCallback, useEffect, useRef, useState } from 'react'
import { io, type Socket } from 'socket.io-client'
import { useLive } from '@/live/hooks'
import { newId } from '@/model/id'
import { closedWords, listShells, type Shell } from './shells'

export type Line = 'connecting' | 'online' | 'lost'

/** Where the person is: before anything is known, at the list, or in a shell. */
export type Place = { at: 'start' } | { at: 'list'; closed: boolean; words: string | null } | { at: 'shell'; id: string; join: boolean }

export interface Shells {
  socket: Socket | null
  line: Line
  /** null: not known yet. */
  list: readonly Shell[] | null
  place: Place
  open(): void
  join(id: string): void
  /** Back to the list; the shell goes on. */
  leave(): void
  /** Back to the list, because the shell could not be joined. */
  failed(words: string): void
}

const lookEvery = 2_000

/** The shells of a session and which of them is shown. Without an open one a new one is opened at once. */
export function useShells(sessionId: string, possible: boolean): Shells {
  const { hub } = useLive()
  const [socket, setSocket] = useState<Socket | null>(null)
  const [line, setLine] = useState<Line>('connecting')
  const [list, setList] = useState<readonly Shell[] | null>(null)
  const [place, setPlace] = useState<Place>({ at: 'start' })
  const shown = useRef<string | null>(null)

  const go = useCallback((next: Place) => {
    shown.current = next.at === 'shell' ? next.id : null
    if (next.at !== 'shell') setList(null) // what it was before is not shown as if it were so now
    setPlace(next)
  }, [])
  const open = useCallback(() => go({ at: 'shell', id: `term-${sessionId}-${newId().slice(0, 8)}`, join: false }), [go, sessionId])

  useEffect(() => {
    if (!possible) return
    const s = io(`${hub.base}/terminal`, { path: '/socket.io/', transports: ['polling', 'websocket'], auth: (give) => void hub.token().then((token) => give({ token })), reconnectionDelay: 1000, reconnectionDelayMax: 5000 })
    s.on('connect', () => setLine('online'))
    s.on('disconnect', () => setLine('lost'))
    s.on('connect_error', () => setLine('lost'))
    setSocket(s)
    return () => {
      if (shown.current) s.emit('terminal:close', { terminalId: shown.current })
      s.off()
      s.disconnect()
      setSocket(null)
      setLine('connecting')
      go({ at: 'start' })
    }
  }, [hub, sessionId, possible, go])

  const listed = place.at !== 'shell'
  const start = place.at === 'start'
  useEffect(() => {
    if (!socket || line !== 'online' || !listed) return
    let here = true
    const look = async () => {
      const found = await listShells(socket, sessionId)
      if (!here || !socket.connected) return
      if (!start) return setList(found)
      if (found.length === 0) return open()
      go({ at: 'list', closed: false, words: null })
      setList(found)
    }
    void look()
    const timer = setInterval(() => void look(), lookEvery)
    return () => {
      here = false
      clearInterval(timer)
    }
  }, [socket, line, listed, start, sessionId, go, open])

  return {
    socket,
    line,
    list,
    place,
    open,
    join: (id) => go({ at: 'shell', id, join: true }),
    leave: () => {
      socket?.emit('terminal:detach', { terminalId: shown.current })
      go({ at: 'list', closed: false, words: null })
    },
    failed: useCallback((words: string) => go({ at: 'list', closed: words === closedWords, words }), [go]),
  }
}
