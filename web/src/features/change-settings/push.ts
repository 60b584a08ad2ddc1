import { api } from '@/api/hub'
import type { Hub } from '@/api/client'

const keyStore = 'hapi.push.vapidKey'
const deviceStore = 'hapi.push.deviceId'

export type PushState = 'unsupported' | 'blocked' | 'off' | 'on'

export async function pushState(): Promise<PushState> {
  if (!('serviceWorker' in navigator) || !('PushManager' in window) || !('Notification' in window)) return 'unsupported'
  if (Notification.permission === 'denied') return 'blocked'
  const registration = await navigator.serviceWorker.getRegistration()
  return registration && (await registration.pushManager.getSubscription()) ? 'on' : 'off'
}

/** Must come from a tap: browsers ask the person only then. */
export async function enablePush(hub: Hub): Promise<PushState> {
  if ((await Notification.requestPermission()) !== 'granted') return 'blocked'
  await subscribe(hub)
  return 'on'
}

/**
 * At every start: the hub drops a device whose push service did not know it, and
 * a hub with other keys needs another subscription. Only for those who had
 * themselves notified.
 */
export async function renewPush(hub: Hub): Promise<void> {
  if (!localStorage.getItem(keyStore) || !('serviceWorker' in navigator) || !('Notification' in window)) return
  if (Notification.permission === 'granted') await subscribe(hub)
}

async function subscribe(hub: Hub) {
  const registration = await navigator.serviceWorker.ready
  const key = await api.vapidKey(hub)
  const old = await registration.pushManager.getSubscription()
  if (old && localStorage.getItem(keyStore) !== key) await dropPush(hub, old)
  const subscription = (await registration.pushManager.getSubscription()) ?? (await registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: fromBase64Url(key) }))
  await api.subscribePush(hub, subscription.toJSON(), deviceId())
  localStorage.setItem(keyStore, key)
}

/** The page and the installed app of one browser share it, and are notified once. */
function deviceId(): string {
  const known = localStorage.getItem(deviceStore)
  if (known) return known
  const made = crypto.randomUUID()
  localStorage.setItem(deviceStore, made)
  return made
}

export async function disablePush(hub: Hub): Promise<PushState> {
  const registration = await navigator.serviceWorker.getRegistration()
  const subscription = await registration?.pushManager.getSubscription()
  if (subscription) await dropPush(hub, subscription)
  localStorage.removeItem(keyStore)
  return 'off'
}

async function dropPush(hub: Hub, subscription: PushSubscription) {
  await subscription.unsubscribe()
  await api.unsubscribePush(hub, subscription.endpoint)
}

function fromBase64Url(text: string): Uint8Array<ArrayBuffer> {
  const plain = text.replaceAll('-', '+').replaceAll('_', '/')
  return Uint8Array.from(atob(plain), (c) => c.charCodeAt(0))
}
