import { api } from '@/api/hub'
import type { Hub } from '@/api/client'
import { wordsOf, type Translate } from '@/i18n'
import { forgetDevice, rememberDevice } from '@/live/device'
import type { NoticeType } from '@/model/notice'
import { deviceLabel } from './deviceLabel'

const keyStore = 'hapi.push.vapidKey'
const deviceStore = 'hapi.push.deviceId'
const wishStore = 'hapi.push.wishes'

export type PushState = 'unsupported' | 'blocked' | 'off' | 'on'

/** What the person wants of notifications on this device. */
export interface Wishes {
  muted: NoticeType[]
  hide: boolean
  quiet: { from: string; to: string } | null
}

const plain: Wishes = { muted: [], hide: false, quiet: null }

export function wishes(): Wishes {
  try {
    return { ...plain, ...(JSON.parse(localStorage.getItem(wishStore) ?? '{}') as Partial<Wishes>) }
  } catch {
    return plain
  }
}

export async function setWishes(hub: Hub, t: Translate, next: Wishes) {
  localStorage.setItem(wishStore, JSON.stringify(next))
  await renewPush(hub, t)
}

export async function pushState(): Promise<PushState> {
  if (!('serviceWorker' in navigator) || !('PushManager' in window) || !('Notification' in window)) return 'unsupported'
  if (Notification.permission === 'denied') return 'blocked'
  const registration = await navigator.serviceWorker.getRegistration()
  return registration && (await registration.pushManager.getSubscription()) ? 'on' : 'off'
}

/** Whether the person wanted it here; what the browser thinks of it takes longer to know. */
export const isNotified = (): boolean => localStorage.getItem(keyStore) !== null

/** Must come from a tap: browsers ask the person only then. */
export async function enablePush(hub: Hub, t: Translate): Promise<PushState> {
  if ((await Notification.requestPermission()) !== 'granted') return 'blocked'
  await subscribe(hub, t)
  return 'on'
}

/**
 * At every start: the hub drops a device whose push service did not know it, and
 * a hub with other keys needs another subscription. Only for those who had
 * themselves notified.
 */
export async function renewPush(hub: Hub, t: Translate): Promise<void> {
  if (!localStorage.getItem(keyStore) || !('serviceWorker' in navigator) || !('Notification' in window)) return
  if (Notification.permission === 'granted') await subscribe(hub, t)
}

async function subscribe(hub: Hub, t: Translate) {
  const { muted, hide, quiet } = wishes()
  const registration = await navigator.serviceWorker.ready
  await rememberDevice({ base: hub.base, accessToken: hub.accessToken, language: t.language, words: wordsOf(['notice.', 'need.', 'ask.allow', 'ask.deny', 'ask.failed']), hide, quiet })
  const key = await api.vapidKey(hub)
  const old = await registration.pushManager.getSubscription()
  if (old && localStorage.getItem(keyStore) !== key) await dropPush(hub, old)
  const subscription = (await registration.pushManager.getSubscription()) ?? (await registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: fromBase64Url(key) }))
  await api.subscribePush(hub, subscription.toJSON(), { deviceId: deviceId(), label: deviceLabel(navigator.userAgent, matchMedia('(display-mode: standalone)').matches), muted })
  localStorage.setItem(keyStore, key)
}

/** The page and the installed app of one browser share it, and are notified once. */
export function deviceId(): string {
  const known = localStorage.getItem(deviceStore)
  if (known) return known
  const made = crypto.randomUUID()
  localStorage.setItem(deviceStore, made)
  return made
}

export async function disablePush(hub: Hub): Promise<PushState> {
  localStorage.removeItem(keyStore)
  await forgetDevice()
  const registration = await navigator.serviceWorker.getRegistration()
  const subscription = await registration?.pushManager.getSubscription()
  if (subscription) await dropPush(hub, subscription)
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
