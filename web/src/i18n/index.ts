/** Two languages, one catalogue each. The Chinese one is fetched only by those who read it. */
import { useSyncExternalStore } from 'react'
import { en } from './en'

export type Key = keyof typeof en
export type Catalogue = Record<Key, string>
export type Language = 'en' | 'zh-CN'
export type Params = Record<string, string | number>
/** Keys that come as a pair `x.one` and `x.other`. */
export type CountKey = { [K in Key]: K extends `${infer Stem}.other` ? Stem : never }[Key]

export interface Translate {
  (key: Key, params?: Params): string
  /** The form that fits the number n, which is also the parameter {n}. */
  count(key: CountKey, n: number, params?: Params): string
  language: Language
}

export const languages: readonly { id: Language; name: string }[] = [
  { id: 'en', name: 'English' },
  { id: 'zh-CN', name: '简体中文' },
]

const storageKey = 'hapi-lang'

export function fill(text: string, params?: Params): string {
  return params ? text.replace(/\{(\w+)\}/g, (whole, name: string) => (name in params ? String(params[name]) : whole)) : text
}

export function translator(language: Language, catalogue: Catalogue): Translate {
  const plural = new Intl.PluralRules(language)
  const t = (key: Key, params?: Params) => fill(catalogue[key], params)
  return Object.assign(t, {
    count(key: CountKey, n: number, params?: Params) {
      const one = `${key}.one` as Key
      const form = plural.select(n) === 'one' && one in catalogue ? one : (`${key}.other` as Key)
      return fill(catalogue[form], { n: n.toLocaleString(language), ...params })
    },
    language,
  })
}

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
  return useSyncExternalStore(subscribe, () => current)
}
