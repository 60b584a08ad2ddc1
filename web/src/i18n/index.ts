/** Two languages, one catalogue each. The Chinese one is fetched only by those who read it. */
import { useSyncExternalStore } from 'react'
import { en } from './en'
import { translator, type Key, type Language, type Translate } from './translator'

export type { Catalogue, CountKey, Key, Language, Params, Translate } from './translator'

export const languages: readonly { id: Language; name: string }[] = [
  { id: 'en', name: 'English' },
  { id: 'zh-CN', name: '简体中文' },
]

const storageKey = 'hapi-lang'

function preferred(): Language {
  const chosen = localStorage.getItem(storageKey)
  if (chosen === 'en' || chosen === 'zh-CN') return chosen
  return navigator.languages.some((l) => l.toLowerCase().startsWith('zh')) && !navigator.languages[0]?.toLowerCase().startsWith('en') ? 'zh-CN' : 'en'
}

let current: Translate = translator('en', en)
const listeners = new Set<() => void>()

/** The translator of now, for code outside of components. */
export const translate = () => current

export async function setLanguage(language: Language, remember = true) {
  const catalogue = language === 'en' ? en : (await import('./zh-CN')).zhCN
  current = translator(language, catalogue)
  document.documentElement.lang = language
  if (remember) localStorage.setItem(storageKey, language)
  for (const tell of listeners) tell()
}

export const startLanguage = () => setLanguage(preferred(), false)

function subscribe(tell: () => void) {
  listeners.add(tell)
  return () => listeners.delete(tell)
}

export function useT(): Translate {
  return useSyncExternalStore(subscribe, translate, translate)
}

/** The words of these parts of the catalogue, for those who speak without it. */
export function wordsOf(parts: readonly string[]): Partial<Record<Key, string>> {
  const keys = Object.keys(en) as Key[]
  return Object.fromEntries(keys.filter((k) => parts.some((p) => k.startsWith(p))).map((k) => [k, current(k)]))
}
