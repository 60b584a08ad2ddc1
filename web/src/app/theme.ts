/** The appearance a person chose; index.html applies it before the first paint, this keeps it true. */

export type Appearance = 'system' | 'light' | 'dark' | 'oled'

const appearanceKey = 'hapi-appearance'
const scaleKey = 'hapi-font-scale'

export const appearance = (): Appearance => {
  const v = localStorage.getItem(appearanceKey)
  return v === 'light' || v === 'dark' || v === 'oled' ? v : 'system'
}

export function setAppearance(next: Appearance) {
  if (next === 'system') localStorage.removeItem(appearanceKey)
  else localStorage.setItem(appearanceKey, next)
  apply()
}

export const fontScale = (): number => {
  const n = Number(localStorage.getItem(scaleKey))
  return n >= 0.8 && n <= 1.2 ? n : 1
}

export function setFontScale(scale: number) {
  if (scale === 1) localStorage.removeItem(scaleKey)
  else localStorage.setItem(scaleKey, String(scale))
  document.documentElement.style.fontSize = scale === 1 ? '' : `${scale * 100}%`
}

const darkness = matchMedia('(prefers-color-scheme: dark)')

function apply() {
  const wish = appearance()
  const theme = wish === 'system' ? (darkness.matches ? 'dark' : 'light') : wish
  const root = document.documentElement
  root.dataset.theme = theme
  const meta = document.querySelector<HTMLMetaElement>('meta[name=theme-color]')
  if (meta) meta.content = getComputedStyle(root).getPropertyValue('--surface').trim() || meta.content
}

export function watchTheme(): () => void {
  const onStorage = (e: StorageEvent) => e.key === appearanceKey && apply()
  apply()
  darkness.addEventListener('change', apply)
  window.addEventListener('storage', onStorage)
  return () => {
    darkness.removeEventListener('change', apply)
    window.removeEventListener('storage', onStorage)
  }
}
