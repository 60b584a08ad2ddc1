import { createContext, useContext, useEffect, useState, useSyncExternalStore } from 'react'
import { useQuery } from '@tanstack/react-query'
import { keys, type Connection, type Live } from './live'
import type { OutboxEntry } from './database'
import type { Doing } from './activity'
import type { WindowView } from './windows'

export const LiveContext = createContext<Live | null>(null)

export function useLive(): Live {
  const live = useContext(LiveContext)
  if (!live) throw new Error('not signed in')
  return live
}

export function useSessions() {
  const { ask } = useLive()
  return useQuery({ queryKey: keys.sessions, queryFn: ask.sessions })
}

export function useSession(id: string, enabled = true) {
  const { ask } = useLive()
  return useQuery({ queryKey: keys.session(id), queryFn: () => ask.session(id), staleTime: 30_000, enabled })
}

export function useMachines() {
  const { ask } = useLive()
  return useQuery({ queryKey: keys.machines, queryFn: ask.machines })
}

export function useConnection(): Connection {
  const live = useLive()
  return useSyncExternalStore(live.subscribe, () => live.connection)
}

export function useOutbox(): readonly OutboxEntry[] {
  const { outbox } = useLive()
  return useSyncExternalStore(outbox.subscribe, () => outbox.entries)
}

/** The open window of a session; it is loaded, and kept up to date, while shown. */
export function useWindow(id: string): WindowView {
  const { windows } = useLive()
  useEffect(() => void windows.open(id), [windows, id])
  return useSyncExternalStore(
    (tell) => windows.subscribe(id, tell),
    () => windows.get(id),
  )
}

export function useMarks() {
  const { marks } = useLive()
  useSyncExternalStore(marks.subscribe, marks.version)
  return marks
}

export function useActivity(id: string): Doing | null {
  const { activity } = useLive()
  return useSyncExternalStore(activity.subscribe, () => activity.of(id))
}

/** The time, told again at every step. */
export function useNow(step: number, running = true): number {
  const [now, setNow] = useState(Date.now)
  useEffect(() => {
    if (!running) return
    setNow(Date.now())
    const timer = setInterval(() => setNow(Date.now()), step)
    return () => clearInterval(timer)
  }, [step, running])
  return now
}

export function useOnline(): boolean {
  return useSyncExternalStore(
    (tell) => {
      window.addEventListener('online', tell)
      window.addEventListener('offline', tell)
      return () => {
        window.removeEventListener('online', tell)
        window.removeEventListener('offline', tell)
      }
    },
    () => navigator.onLine,
  )
}
