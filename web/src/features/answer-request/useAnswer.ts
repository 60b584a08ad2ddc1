import { useState } from 'react'
import { api } from '@/api/hub'
import { HubError, errorText } from '@/api/client'
import { keys } from '@/live/live'
import { useLive } from '@/live/hooks'
import type { Answer } from './decision'

/** Gives one answer to one request, once. The outcome itself arrives on the stream. */
export function useAnswer(sessionId: string, requestId: string) {
  const { hub, queries } = useLive()
  const [busy, setBusy] = useState<Answer['verb'] | null>(null)
  const [error, setError] = useState<string | null>(null)

  async function give(answer: Answer): Promise<boolean> {
    if (busy) return false
    setBusy(answer.verb)
    setError(null)
    try {
      await (answer.verb === 'approve' ? api.approve(hub, sessionId, requestId, answer.body) : api.deny(hub, sessionId, requestId, answer.body))
      navigator.vibrate?.(8)
      void queries.invalidateQueries({ queryKey: keys.session(sessionId) })
      return true
    } catch (failure) {
      // Somebody else answered it: what we show is outdated.
      if (failure instanceof HubError && failure.status === 404) void queries.invalidateQueries({ queryKey: keys.session(sessionId) })
      else setError(errorText(failure))
      setBusy(null)
      return false
    }
  }
  return { give, busy, error }
}
