/// <reference lib="webworker" />
/**
 * The service worker: the app opens without a network, notifications reach the
 * person, and other apps can share into it. It never keeps what the hub says;
 * that is the app's own memory.
 */
import { Hub } from '@/api/client'
import { api } from '@/api/hub'
import { database } from '@/live/database'
import { readDevice, type Device } from '@/live/device'
import { answer, isVerb } from './answer'
import { askedOf, notificationOf, type Asked, type Carried, type Push, type Spoken } from './notice'

declare const self: ServiceWorkerGlobalScope

// Both are filled in by the build.
const shell = '__SHELL__' as unknown as string[]
const prefix = 'hapi-shell-'
const cacheName = `${prefix}__BUILD__`

self.addEventListener('install', (event) => {
  event.waitUntil(caches.open(cacheName).then((cache) => cache.addAll(shell)))
})

self.addEventListener('activate', (event) => {
  event.waitUntil(
    caches
      .keys()
      .then((names) => Promise.all(names.filter((name) => name.startsWith(prefix) && name !== cacheName).map((name) => caches.delete(name))))
      .then(() => self.clients.claim()),
  )
})

self.addEventListener('message', (event: ExtendableMessageEvent) => {
  if ((event.data as { type?: string } | null)?.type === 'skip-waiting') void self.skipWaiting()
})

self.addEventListener('fetch', (event) => {
  const { request } = event
  const url = new URL(request.url)
  if (url.origin !== self.location.origin) return
  if (request.method === 'POST' && url.pathname === '/share') {
    event.respondWith(receiveShare(request))
    return
  }
  if (request.method !== 'GET' || /^\/(api|cli|socket\.io|health)(\/|$)/.test(url.pathname)) return
  if (request.mode === 'navigate') event.respondWith(fetch(request).catch(async () => (await caches.match('/')) ?? Response.error()))
  else if (url.pathname.startsWith('/assets/')) event.respondWith(asset(request))
  else event.respondWith(fetch(request).catch(async () => (await caches.match(request)) ?? Response.error()))
})

/** Files with a hash in their name never change: one fetch each. */
async function asset(request: Request): Promise<Response> {
  const known = await caches.match(request)
  if (known) return known
  const response = await fetch(request)
  // A missing file is answered with the index page; that is no asset.
  if (response.ok && !response.headers.get('Content-Type')?.startsWith('text/html')) {
    const cache = await caches.open(cacheName)
    await cache.put(request, response.clone())
  }
  return response
}

self.addEventListener('push', (event) => {
  let push: Push
  try {
    push = event.data?.json() as Push
  } catch {
    return
  }
  event.waitUntil(tell(push))
})

async function tell(push: Push) {
  const device = await readDevice()
  const spoken = notificationOf(push, device, device && !device.hide ? await askedNow(device, push) : null, new Date())
  await show(spoken)
}

/** How long a notification waits for the words of the request. */
const patience = 4000

/** The request itself; null when the hub cannot be asked, and then there is no button to allow it. */
async function askedNow(device: Device, { data }: Push): Promise<Asked | null> {
  const { type, sessionId, requestId } = data ?? {}
  if (type !== 'permission-request' || !sessionId || !requestId) return null
  const late = new Promise<null>((done) => setTimeout(() => done(null), patience))
  const asked = api.session(new Hub(device), sessionId).then((s) => askedOf(s, requestId), () => null)
  return Promise.race([asked, late])
}

const show = ({ title, options }: Spoken) => self.registration.showNotification(title, options)

self.addEventListener('notificationclick', (event) => {
  const { notification, action } = event
  notification.close()
  const carried = notification.data as Carried | null
  event.waitUntil(carried?.ask && isVerb(action) ? answerFrom(notification, carried, action) : open(carried?.url ?? '/sessions'))
})

async function answerFrom(notification: Notification, carried: Carried, verb: 'allow' | 'deny') {
  const device = await readDevice()
  // Signed out meanwhile: the app says so.
  if (!device) return open(carried.url)
  const { actions } = notification as Notification & { actions?: readonly { action: string; title: string }[] }
  const failed = await answer(device, { title: notification.title, tag: notification.tag, carried, ...(actions ? { actions: actions.map(({ action, title }) => ({ action, title })) } : {}) }, verb)
  if (failed) await show(failed)
}

/** The open window goes there; only without one a new window opens. */
async function open(path: string) {
  const url = new URL(path, self.location.origin)
  const windows = await self.clients.matchAll({ type: 'window', includeUncontrolled: true })
  const there = windows.find((w) => new URL(w.url).pathname === url.pathname) ?? windows[0]
  if (!there) {
    await self.clients.openWindow(url.href)
    return
  }
  // First where to, then there: focusing may be refused, and the way is right all the same.
  if (new URL(there.url).pathname !== url.pathname) there.postMessage({ type: 'open', path: url.pathname })
  await there.focus()
}

async function receiveShare(request: Request): Promise<Response> {
  try {
    const form = await request.formData()
    const id = crypto.randomUUID()
    const text = (name: string) => {
      const value = form.get(name)
      return typeof value === 'string' ? value : ''
    }
    const shared = { id, title: text('title'), text: text('text'), url: text('url'), files: form.getAll('files').filter((f): f is File => f instanceof File && f.size > 0), at: Date.now() }
    await (await database()).put('shared', shared)
    return Response.redirect(`/share?id=${id}`, 303)
  } catch {
    return Response.redirect('/share?error=ingest', 303)
  }
}
