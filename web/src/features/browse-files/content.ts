import type { Hub } from '@/api/client'
import { api } from '@/api/hub'

/** All of a file of the session's machine. */
export async function contentOf(hub: Hub, sessionId: string, path: string): Promise<Uint8Array<ArrayBuffer>> {
  const answer = await api.file(hub, sessionId, path)
  if (!answer.success || answer.content === undefined) throw new Error(answer.error ?? '')
  return Uint8Array.from(atob(answer.content), (c) => c.charCodeAt(0))
}
