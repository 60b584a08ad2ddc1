import 'fake-indexeddb/auto'
import { afterEach, expect, test, vi } from 'vitest'
import { Hub } from '@/api/client'
import { remembered } from './database'
import { Outbox, isTransient } from './outbox'
import { HubError } from '@/api/client'

const jwt = `x.${btoa(JSON.stringify({ ns: 'default', exp: Date.now() / 1000 + 9999 }))}.y`
const message = { text: 'hello', attachments: [], scheduledAt: null }

/** A hub that answers sends as it is told; `sent` has their local ids. */
function network(answer: () => Response | Error, resume: () => Response = () => Response.json({ error: 'No machine online', code: 'no_machine_online' }, { status: 503 })) {
  const sent: string[] = []
  vi.stubGlobal('fetch', (url: string, init: RequestInit) => {
    if (url.endsWith('/api/auth')) return Promise.resolve(Response.json({ token: jwt, user: {} }))
    if (url.endsWith('/resume')) return Promise.resolve(resume())
    sent.push((JSON.parse(String(init.body)) as { localId: string }).localId)
    const a = answer()
    return a instanceof Error ? Promise.reject(a) : Promise.resolve(a)
  })
  return sent
}

afterEach(async () => {
  vi.unstubAllGlobals()
  await remembered((db) => db.clear('outbox'))
})

const settled = (outbox: Outbox, state: string) => vi.waitFor(() => expect(outbox.entries.map((e) => e.state)).toEqual([state]), 5000)
const newOutbox = () => new Outbox(new Hub({ base: 'https://h', accessToken: 't' }))

test('what could not be sent is on disk, and goes out from the next visit under the same id', async () => {
  let online = false
  const sent = network(() => (online ? Response.json({ ok: true }) : new TypeError('Failed to fetch')))
  const first = newOutbox()
  const entry = await first.add('s1', message)
  await vi.waitFor(() => expect(sent).toHaveLength(1))
  expect(first.entries[0]?.state).toBe('waiting')

  online = true
  const second = newOutbox()
  await second.start()
  await settled(second, 'sent')
  expect(new Set(sent)).toEqual(new Set([entry.localId]))
})

test('a message is forgotten only when the hub announces it', async () => {
  network(() => Response.json({ ok: true }))
  const outbox = newOutbox()
  const entry = await outbox.add('s1', message)
  await settled(outbox, 'sent')
  outbox.onEvent({ type: 'message-received', sessionId: 's1', message: { id: 'm', seq: 1, localId: entry.localId, content: null, createdAt: 1, invokedAt: null, scheduledAt: null } })
  expect(outbox.entries).toEqual([])
  await vi.waitFor(async () => expect(await remembered((db) => db.count('outbox'))).toBe(0))
})

test('a refused message stays, with the reason, and is not tried again by itself', async () => {
  const sent = network(() => Response.json({ error: 'Session is inactive', code: 'session_inactive' }, { status: 409 }))
  const outbox = newOutbox()
  await outbox.add('s1', message)
  await settled(outbox, 'failed')
  expect(outbox.entries[0]).toMatchObject({ inactive: true, error: 'No machine online' })
  expect(sent).toHaveLength(1)
})

test('a message to an agent that has ended brings it back, once', async () => {
  let active = false
  const resume = vi.fn(() => {
    active = true
    return Response.json({ type: 'success', sessionId: 's1' })
  })
  const sent = network(() => (active ? Response.json({ ok: true }) : Response.json({ error: 'Session is inactive', code: 'session_inactive' }, { status: 409 })), resume)
  const outbox = newOutbox()
  await outbox.add('s1', message)
  await settled(outbox, 'sent')
  expect(resume).toHaveBeenCalledOnce()
  expect(new Set(sent).size).toBe(1)
})

test('what an absent agent missed goes out when it is there again', async () => {
  let active = false
  const sent = network(() => (active ? Response.json({ ok: true }) : Response.json({ error: 'Session is inactive', code: 'session_inactive' }, { status: 409 })))
  const outbox = newOutbox()
  const entry = await outbox.add('s1', message)
  await settled(outbox, 'failed')
  active = true
  outbox.onEvent({ type: 'session-updated', sessionId: 'other', data: { active: true } })
  expect(outbox.entries[0]?.state).toBe('failed')
  outbox.onEvent({ type: 'session-updated', sessionId: 's1', data: { active: true } })
  await settled(outbox, 'sent')
  expect(new Set(sent)).toEqual(new Set([entry.localId]))
})

const inactive = () => Response.json({ error: 'Session is inactive', code: 'session_inactive' }, { status: 409 })

test('an agent that comes back by itself while it is asked for gets what it missed', async () => {
  let active = false
  const sent = network(
    () => (active ? Response.json({ ok: true }) : inactive()),
    () => {
      active = true
      outbox.onEvent({ type: 'session-updated', sessionId: 's1', data: { active: true } })
      return Response.json({ error: 'No machine online', code: 'no_machine_online' }, { status: 409 })
    },
  )
  const outbox = newOutbox()
  const entry = await outbox.add('s1', message)
  await settled(outbox, 'sent')
  expect(sent).toContain(entry.localId)
})

test('an agent that no event told of gets what it missed once a list has it', async () => {
  let active = false
  network(() => (active ? Response.json({ ok: true }) : inactive()))
  const outbox = newOutbox()
  outbox.onList([{ id: 's1', active: true }]) // remembered, from before the hub went
  await outbox.add('s1', message)
  await settled(outbox, 'failed')
  active = true
  outbox.onList([{ id: 's1', active: true }])
  await settled(outbox, 'sent')
})

test.each([
  [new HubError('', 0), true],
  [new HubError('', 503), true],
  [new HubError('', 409), false],
  [new HubError('', 400), false],
])('%o is worth another try: %s', (error, again) => {
  expect(isTransient(error)).toBe(again)
})
