export type Client = 'browser' | 'app'

/** A link that signs in whoever opens it. */
export function signInLink(client: Client, hub: string, token: string): string {
  const of = encodeURIComponent
  return client === 'app' ? `hapicompanion://bind?hub=${of(hub)}&code=${of(token)}` : `${location.origin}/?hub=${of(hub)}&token=${of(token)}`
}
