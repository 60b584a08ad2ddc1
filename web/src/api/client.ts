/** Talking to one hub: who we are there, and calls that keep the session token fresh. */

export class HubError extends Error {
  override readonly name = 'HubError'
  /** 0 means the hub could not be reached. */
  readonly status: number
  readonly code: string | null
  constructor(message: string, status: number, code: string | null = null) {
    super(message)
    this.status = status
    this.code = code
  }
  get unreachable(): boolean {
    return this.status === 0
  }
}

export function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

interface Credentials {
  /** Origin of the hub, without a slash at the end. */
  base: string
  accessToken: string
}

const tokenKey = (base: string) => `hapi_access_token::${base}`
const hubKey = 'hapi_hub_url'

/** Reduces what a person typed to an origin; null when it is none. */
export function hubOrigin(text: string): string | null {
  const trimmed = text.trim()
  if (trimmed === '') return null
  try {
    const url = new URL(/^[a-z][a-z0-9+.-]*:\/\//i.test(trimmed) ? trimmed : `https://${trimmed}`)
    return url.protocol === 'http:' || url.protocol === 'https:' ? url.origin : null
  } catch {
    return null
  }
}

export const stored = {
  hub: (): string => localStorage.getItem(hubKey) ?? location.origin,
  setHub(base: string | null) {
    if (base === null || base === location.origin) localStorage.removeItem(hubKey)
    else localStorage.setItem(hubKey, base)
  },
  accessToken: (base: string): string | null => localStorage.getItem(tokenKey(base)),
  setAccessToken(base: string, token: string | null) {
    if (token === null) localStorage.removeItem(tokenKey(base))
    else localStorage.setItem(tokenKey(base), token)
  },
}

export interface TokenClaims {
  ns: string
  exp: number
}

export function claimsOf(jwt: string): TokenClaims | null {
  const part = jwt.split('.')[1]
  if (!part) return null
  try {
    const bytes = Uint8Array.from(atob(part.replaceAll('-', '+').replaceAll('_', '/')), (c) => c.charCodeAt(0))
    const claims: unknown = JSON.parse(new TextDecoder().decode(bytes))
    if (typeof claims !== 'object' || claims === null) return null
    const { ns, exp } = claims as { ns?: unknown; exp?: unknown }
    return typeof ns === 'string' ? { ns, exp: typeof exp === 'number' ? exp : Number.POSITIVE_INFINITY } : null
  } catch {
    return null
  }
}

/** Seconds before its end at which a session token is replaced. */
const lead = 60

export class Hub {
  readonly base: string
  readonly accessToken: string
  #onSignedOut: () => void = () => {}
  #jwt: string | null = null
  #claims: TokenClaims | null = null
  #refreshing: Promise<string> | null = null

  constructor({ base, accessToken }: Credentials) {
    this.base = base
    this.accessToken = accessToken
  }

  /** What to do when the hub no longer knows our access token. */
  whenSignedOut(tell: () => void) {
    this.#onSignedOut = tell
  }

  get namespace(): string {
    return this.#claims?.ns ?? 'default'
  }

  get isOwner(): boolean {
    return this.namespace === 'default'
  }

  /** A session token that is good for at least a minute. */
  async token(force = false): Promise<string> {
    if (!force && this.#jwt && this.#claims && this.#claims.exp - lead > Date.now() / 1000) return this.#jwt
    this.#refreshing ??= this.#signIn().finally(() => (this.#refreshing = null))
    return this.#refreshing
  }

  async #signIn(): Promise<string> {
    const response = await this.#fetch('/api/auth', { method: 'POST', body: JSON.stringify({ accessToken: this.accessToken }) })
    if (!response.ok) throw await failure(response)
    const { token } = (await response.json()) as { token: string }
    this.#jwt = token
    this.#claims = claimsOf(token)
    return token
  }

  async #fetch(path: string, init: RequestInit): Promise<Response> {
    try {
      return await fetch(this.base + path, init)
    } catch (error) {
      if (init.signal?.aborted) throw error
      throw new HubError(errorText(error), 0)
    }
  }

  /** A call with the session token; a refused one is renewed and the call repeated, once. */
  async fetch(path: string, init: RequestInit = {}): Promise<Response> {
    const attempt = async (force: boolean) => {
      const headers = new Headers(init.headers)
      headers.set('Authorization', `Bearer ${await this.token(force)}`)
      return this.#fetch(path, { ...init, headers })
    }
    try {
      const response = await attempt(false)
      return response.status === 401 ? await attempt(true) : response
    } catch (error) {
      if (error instanceof HubError && error.status === 401) this.#onSignedOut()
      throw error
    }
  }

  async call<T>(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
    const init: RequestInit = { method }
    if (signal) init.signal = signal
    if (body !== undefined) {
      init.body = JSON.stringify(body)
      init.headers = { 'Content-Type': 'application/json' }
    }
    const response = await this.fetch(path, init)
    if (!response.ok) throw await failure(response)
    return (await response.json()) as T
  }

  get<T>(path: string, signal?: AbortSignal): Promise<T> {
    return this.call<T>('GET', path, undefined, signal)
  }
}

async function failure(response: Response): Promise<HubError> {
  const text = await response.text().catch(() => '')
  try {
    const body: unknown = JSON.parse(text)
    if (typeof body === 'object' && body !== null) {
      const { error, message, code } = body as { error?: unknown; message?: unknown; code?: unknown }
      const said = typeof error === 'string' ? error : typeof message === 'string' ? message : response.statusText
      return new HubError(said, response.status, typeof code === 'string' ? code : null)
    }
  } catch {
    // not JSON: a proxy, or a plain text answer
  }
  return new HubError(text.length > 0 && text.length < 200 ? text : `${response.status} ${response.statusText}`, response.status)
}
