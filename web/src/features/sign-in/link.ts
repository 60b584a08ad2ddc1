/** What a link or a person brings along to sign in with. Pure but for the address bar. */
import { hubOrigin, stored } from '@/api/client'

export interface Brought {
  hub: string | null
  token: string | null
}

export function readLink(search: string): Brought {
  const params = new URLSearchParams(search)
  const hub = params.get('hub')
  return { hub: hub === null ? null : hubOrigin(hub), token: params.get('token') }
}

/** The same address without what must not stay in the history. */
export function scrubbed(url: string): string {
  const u = new URL(url)
  for (const key of ['hub', 'token', 'server']) u.searchParams.delete(key)
  return u.pathname + (u.searchParams.size > 0 ? `?${u.searchParams}` : '') + u.hash
}

/** A hub this browser never used: a link must not send a token there unasked. */
export function isNewHub(hub: string): boolean {
  return hub !== location.origin && hub !== stored.hub() && stored.accessToken(hub) === null
}
