/**
 * What the service worker knows of this device: as whom it answers, and in which
 * words it speaks, while no window is open. Only kept while the person wants to
 * be notified here.
 */
import { openDB, type DBSchema } from 'idb'
import type { Key, Language } from '@/i18n/translator'

export interface Device {
  base: string
  accessToken: string
  language: Language
  words: Partial<Record<Key, string>>
  /** Notifications say that, not what. */
  hide: boolean
  /** Between these times, as "23:00", they come without a sound. */
  quiet: { from: string; to: string } | null
}

interface Schema extends DBSchema {
  device: { key: string; value: Device }
}

// A database of its own: it is there before the app's, and changes with the worker's version.
const open = () => openDB<Schema>('hapi-device', 1, { upgrade: (db) => void db.createObjectStore('device') })

async function within<T>(ask: (db: Awaited<ReturnType<typeof open>>) => Promise<T>): Promise<T> {
  const db = await open()
  try {
    return await ask(db)
  } finally {
    db.close()
  }
}

export const rememberDevice = (device: Device) => within((db) => db.put('device', device, 'this'))
export const forgetDevice = () => within((db) => db.delete('device', 'this'))

/** Null when nobody is signed in, or nothing can be remembered here. */
export const readDevice = (): Promise<Device | null> => within((db) => db.get('device', 'this')).then((d) => d ?? null, () => null)
