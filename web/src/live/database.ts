/** What this device remembers between visits. Losing it loses no message: the hub has them. */
import { openDB, type DBSchema, type IDBPDatabase } from 'idb'
import type { Attachment, Machine, SessionSummary } from '@/api/types'
import type { MessageWindow } from './window'

export interface OutboxEntry {
  localId: string
  hub: string
  sessionId: string
  text: string
  attachments: Attachment[]
  scheduledAt: number | null
  createdAt: number
  state: 'waiting' | 'sent' | 'failed'
  error: string | null
  /** 409 session_inactive: what helps is to bring the agent back. */
  inactive: boolean
  /** The agent was brought back for this message; that is done once. */
  resumed: boolean
}

export interface Draft {
  sessionId: string
  text: string
  attachments: Attachment[]
  at: number
}

export interface Shared {
  id: string
  title: string
  text: string
  url: string
  files: File[]
  at: number
}

interface Schema extends DBSchema {
  lists: { key: string; value: { sessions: SessionSummary[]; machines: Machine[] } }
  windows: { key: string; value: { id: string; window: MessageWindow; at: number }; indexes: { at: number } }
  outbox: { key: string; value: OutboxEntry; indexes: { session: string } }
  drafts: { key: string; value: Draft; indexes: { at: number } }
  shared: { key: string; value: Shared }
}

export const databaseName = 'hapi'
export const databaseVersion = 1

let opened: Promise<IDBPDatabase<Schema>> | null = null

export function database(): Promise<IDBPDatabase<Schema>> {
  opened ??= openDB<Schema>(databaseName, databaseVersion, {
    upgrade(db) {
      db.createObjectStore('lists')
      db.createObjectStore('windows', { keyPath: 'id' }).createIndex('at', 'at')
      db.createObjectStore('outbox', { keyPath: 'localId' }).createIndex('session', 'sessionId')
      db.createObjectStore('drafts', { keyPath: 'sessionId' }).createIndex('at', 'at')
      db.createObjectStore('shared', { keyPath: 'id' })
    },
  })
  return opened
}

/** Private windows may refuse a database; the app then works without memory. */
export async function remembered<T>(ask: (db: IDBPDatabase<Schema>) => Promise<T>): Promise<T | null> {
  try {
    return await ask(await database())
  } catch {
    return null
  }
}

const keptWindows = 30
const keptDrafts = 50
/** A remembered window holds what a first look needs. */
const rememberedRows = 120

export async function rememberWindow(id: string, window: MessageWindow, now: number) {
  await remembered(async (db) => {
    const rows = window.rows.slice(-rememberedRows)
    const first = rows[0]
    const older = rows.length < window.rows.length && first ? { at: first.invokedAt ?? first.createdAt, seq: first.seq ?? 0 } : window.older
    await db.put('windows', { id, window: { ...window, rows, older }, at: now })
    await prune(db, 'windows', keptWindows)
  })
}

export async function rememberDraft(draft: Draft) {
  await remembered(async (db) => {
    if (draft.text === '' && draft.attachments.length === 0) await db.delete('drafts', draft.sessionId)
    else await db.put('drafts', draft)
    await prune(db, 'drafts', keptDrafts)
  })
}

async function prune(db: IDBPDatabase<Schema>, store: 'windows' | 'drafts', keep: number) {
  const keys = await db.getAllKeysFromIndex(store, 'at')
  for (const key of keys.slice(0, Math.max(0, keys.length - keep))) await db.delete(store, key)
}

/** Forgets everything of this device, at sign-out. */
export async function forgetEverything() {
  await remembered(async (db) => {
    await Promise.all((['lists', 'windows', 'outbox', 'drafts', 'shared'] as const).map((store) => db.clear(store)))
  })
}
