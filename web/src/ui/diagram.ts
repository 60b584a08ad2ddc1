/** Draws diagrams with Mermaid, which is fetched with the first one. */
import type { MermaidConfig } from 'mermaid'
import { hexOf } from './colour'

export interface Drawing {
  /** The picture as an address: an image runs no script and loads nothing. */
  src: string
  width: number
  height: number
}

const kept = 60
const drawings = new Map<string, Promise<Drawing>>()
let count = 0
let last: Promise<unknown> = Promise.resolve()

/** The same diagram in the same theme is drawn once. */
export function draw(code: string, theme: string): Promise<Drawing> {
  const key = `${theme}\n${code}`
  const known = drawings.get(key)
  if (known) return known
  // Mermaid's settings are global, so one drawing follows the other.
  const drawing = last.then(() => render(code))
  last = drawing.catch(() => {})
  drawings.set(key, drawing)
  drawing.catch(() => drawings.delete(key))
  for (const old of drawings.keys()) {
    if (drawings.size <= kept) break
    drawings.delete(old)
  }
  return drawing
}

async function render(code: string): Promise<Drawing> {
  const { default: mermaid } = await import('mermaid')
  mermaid.initialize(settings())
  const { svg } = await mermaid.render(`diagram-${++count}`, code)
  const element = new DOMParser().parseFromString(svg, 'text/html').querySelector('svg')
  if (!element) throw new Error('no drawing')
  const [, , width = 0, height = 0] = (element.getAttribute('viewBox') ?? '').split(/[\s,]+/).map(Number)
  if (!(width > 0 && height > 0)) throw new Error('an empty drawing')
  element.setAttribute('width', String(Math.ceil(width)))
  element.setAttribute('height', String(Math.ceil(height)))
  element.style.removeProperty('max-width')
  return { src: `data:image/svg+xml,${encodeURIComponent(new XMLSerializer().serializeToString(element))}`, width: Math.ceil(width), height: Math.ceil(height) }
}

function settings(): MermaidConfig {
  const dark = document.documentElement.dataset.theme !== 'light'
  const ink = hexOf('--ink')
  return {
    startOnLoad: false,
    securityLevel: 'strict',
    suppressErrorRendering: true,
    htmlLabels: false,
    flowchart: { htmlLabels: false },
    theme: 'base',
    fontFamily: 'system-ui, sans-serif',
    themeVariables: {
      darkMode: dark,
      background: hexOf('--surface'),
      primaryColor: hexOf('--sunken'),
      primaryTextColor: ink,
      primaryBorderColor: hexOf('--ink-3'),
      secondaryColor: hexOf('--raised'),
      tertiaryColor: hexOf('--surface'),
      edgeLabelBackground: hexOf('--surface'),
      lineColor: hexOf('--ink-2'),
      textColor: ink,
      noteBkgColor: hexOf('--waits-soft'),
      noteTextColor: ink,
      fontSize: '14px',
    },
  }
}
