/// <reference lib="webworker" />
/**
 * The service worker: the app opens without a network, notifications reach the
 * person, and other apps can share into it. It never keeps what the hub says;
 * that is the app's own memory.
 */
import { notificationOf, shellName, type PushPayload } from './push'

declare const self: ServiceWorkerGlobalScope

// Both are filled in by the build.
const shell = '__SHELL__' as unknown as string[]
const cacheName = shellName('__BUILD__')

self.addEventListener('install', (event) => {
  event.waitUntil(caches.open(cacheName).then((cache) => cache.addAll(shell)))
})

self.addEventListener('activate', (event) => {
  event.waitUntil(
    caches
      .keys()
      .then((names) => Promise.all(names.filter((name) => name.startsWith(shellName('')) && name !== cacheName).map((name) => caches.delete(name))))
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
  let payload: PushPayload
  try {
    payload = event.data?.json() as PushPayload
  } catch {
    return
  }
  const { title, options } = notificationOf(payload)
  event.waitUntil(self.registration.showNotification(title, options))
})

self.addEventListener('notificationclick', (event) => {
  event.notification.close()
  const url = (event.notification.data as { url?: string } | null)?.url ?? '/sessions'
  event.waitUntil(show(url))
})

/** The open window goes there; only without one a new window opens. */
async function show(path: string) {
  const url = new URL(path, self.location.origin)
  const windows = await self.clients.matchAll({ type: 'window', includeUncontrolled: true })
  const open = windows.find((w) => new URL(w.url).pathname === url.pathname) ?? windows[0]
  if (!open) {
    await self.clients.openWindow(url.href)
    return
  }
  await open.focus()
  if (new URL(open.url).pathname !== url.pathname) open.postMessage({ type: 'open', path: url.pathname })
}

async function receiveShare(request: Request): Promise<Response> {
  try {
    const form = await request.formData()
    const id = crypto.randomUUID()
    const text = (name: string) => {
      const value = form.get(name)
      return typeof value === 'string' ? value : ''
    }
    await keep({ id, title: text('title'), text: text('text'), url: text('url'), files: form.getAll('files').filter((f): f is File => f instanceof File && f.size > 0), at: Date.now() })
    return Response.redirect(`/share?id=${id}`, 303)
  } catch {
    return Response.redirect('/share?error=ingest', 303)
  }
}

/** Into the app's own database; the app made it at its first start. */
function keep(shared: { id: string; title: string; text: string; url: string; files: File[]; at: number }): Promise<void> {
  return new Promise((done, fail) => {
    const opening = indexedDB.open('hapi')
    // Nobody signed in yet: making the database is the app's business.
    opening.addEventListener('upgradeneeded', () => opening.transaction?.abort())
    opening.addEventListener('error', () => fail(opening.error ?? new Error('no database')))
    opening.addEventListener('success', () => {
      const db = opening.result
      try {
        const work = db.transaction('shared', 'readwrite')
        work.objectStore('shared').put(shared)
        work.addEventListener('complete', () => {
          db.close()
          done()
        })
        work.addEventListener('error', () => fail(work.error ?? new Error('not kept')))
      } catch (error) {
        db.close()
        fail(error instanceof Error ? error : new Error(String(error)))
      }
    })
  })
}
