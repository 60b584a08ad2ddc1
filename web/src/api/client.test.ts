import { afterEach, describe, expect, test, vi } from 'vitest'
import { Hub, HubError, claimsOf, hubOrigin } from './client'

const jwt = (claims: object) => `x.${btoa(JSON.stringify(claims)).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')}.y`

afterEach(() => vi.unstubAllGlobals())

describe('the address of a hub', () => {
  test.each([
    ['https://hub.example.org/some/path', 'https://hub.example.org'],
    ['http://127.0.0.1:3006/', 'http://127.0.0.1:3006'],
    ['hub.example.org', 'https://hub.example.org'],
    ['javascript:alert(1)', null],
    ['ftp://x', null],
    ['', null],
  ])('%s', (text, origin) => {
    expect(hubOrigin(text)).toBe(origin)
  })
})

test('claims are read from any well-formed token', () => {
  expect(claimsOf(jwt({ uid: 1, ns: 'grüße', exp: 5 }))?.exp).toBe(5)
  expect(claimsOf('nonsense')).toBeNull()
})

describe('a call', () => {
  function hubWith(answers: (path: string, n: number) => [number, unknown]) {
    const seen: string[] = []
    vi.stubGlobal('fetch', (url: string) => {
      const path = url.replace('https://h', '')
      seen.push(path)
      const [status, body] = answers(path, seen.length)
      return Promise.resolve(new Response(JSON.stringify(body), { status }))
    })
    return { hub: new Hub({ base: 'https://h', accessToken: 't' }), seen }
  }
  const signIn = { token: jwt({ ns: 'default', exp: Date.now() / 1000 + 9999 }), user: {} }

  test('whose token is refused gets a new one and is repeated once', async () => {
    let refused = false
    const { hub, seen } = hubWith((path) => {
      if (path === '/api/auth') return [200, signIn]
      if (refused) return [200, { ok: true }]
      refused = true
      return [401, { error: 'Invalid token' }]
    })
    await expect(hub.get('/api/x')).resolves.toEqual({ ok: true })
    expect(seen).toEqual(['/api/auth', '/api/x', '/api/auth', '/api/x'])
  })

  test('of somebody whose access token was changed says so once', async () => {
    const { hub } = hubWith(() => [401, { error: 'Invalid access token' }])
    const told = vi.fn()
    hub.whenSignedOut(told)
    await expect(hub.get('/api/x')).rejects.toMatchObject({ status: 401, message: 'Invalid access token' })
    expect(told).toHaveBeenCalledOnce()
  })

  test('several at once sign in once', async () => {
    const { hub, seen } = hubWith((path) => (path === '/api/auth' ? [200, signIn] : [200, {}]))
    await Promise.all([hub.get('/a'), hub.get('/b'), hub.get('/c')])
    expect(seen.filter((p) => p === '/api/auth')).toHaveLength(1)
  })

  test('that reaches nobody is told from one that is refused', async () => {
    vi.stubGlobal('fetch', () => Promise.reject(new TypeError('Failed to fetch')))
    const error = await new Hub({ base: 'https://h', accessToken: 't' }).get('/x').catch((e: unknown) => e)
    expect(error).toBeInstanceOf(HubError)
    expect((error as HubError).unreachable).toBe(true)
  })
})
