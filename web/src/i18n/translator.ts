/** How a catalogue is spoken; knows no catalogue itself, so that the service worker can have the few words it needs. */
import type { en } from './en'

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
