import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { describe, expect, test } from 'vitest'

const css = readFileSync(resolve(import.meta.dirname, 'tokens.css'), 'utf8')

function theme(selector: string): Map<string, [number, number, number]> {
  const body = css.slice(css.indexOf(`${selector} {`)).split('}')[0] ?? ''
  return new Map([...body.matchAll(/--([\w-]+): oklch\(([\d.]+) ([\d.]+) ([\d.]+)\)/g)].map((m) => [m[1] ?? '', [Number(m[2]), Number(m[3]), Number(m[4])]]))
}

/** Relative luminance of an OKLCH colour. */
function luminance([l, c, h]: [number, number, number]): number {
  const a = c * Math.cos((h * Math.PI) / 180)
  const b = c * Math.sin((h * Math.PI) / 180)
  const L = (l + 0.3963377774 * a + 0.2158037573 * b) ** 3
  const M = (l - 0.1055613458 * a - 0.0638541728 * b) ** 3
  const S = (l - 0.0894841775 * a - 1.291485548 * b) ** 3
  const clamp = (n: number) => Math.min(1, Math.max(0, n))
  const r = clamp(4.0767416621 * L - 3.3077115913 * M + 0.2309699292 * S)
  const g = clamp(-1.2684380046 * L + 2.6097574011 * M - 0.3413193965 * S)
  const bl = clamp(-0.0041960863 * L - 0.7034186147 * M + 1.707614701 * S)
  return 0.2126 * r + 0.7152 * g + 0.0722 * bl
}

const pairs = [
  ...['surface', 'raised', 'sunken', 'waits-soft'].flatMap((ground) => ['ink', 'ink-2'].map((text) => [text, ground] as const)),
  ['accent', 'surface'],
  ['accent-ink', 'accent'],
  ['bad', 'surface'],
  ['bad', 'waits-soft'],
  ['good', 'raised'],
  ['ink', 'add'],
  ['ink', 'add-word'],
  ['ink', 'del'],
  ['ink', 'del-word'],
  ['ink-2', 'add'],
  ['ink-2', 'del'],
  ['surface', 'ink'],
  ...['code-1', 'code-2', 'code-3', 'code-4'].map((c) => [c, 'raised'] as const),
] as const

describe.each([':root', "[data-theme='dark']", "[data-theme='oled']"])('%s', (selector) => {
  const colors = theme(selector)
  test.each(pairs)('%s can be read on %s', (text, ground) => {
    const [a, b] = [colors.get(text), colors.get(ground)]
    if (!a || !b) throw new Error(`no such token: ${text} or ${ground}`)
    const [light, dark] = [luminance(a), luminance(b)].sort((x, y) => y - x) as [number, number]
    expect((light + 0.05) / (dark + 0.05)).toBeGreaterThanOrEqual(4.5)
  })
  test('has every name the others have', () => {
    expect([...colors.keys()]).toEqual([...theme(':root').keys()])
  })
})
