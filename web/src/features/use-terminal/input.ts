/** Keys a phone does not have, as a terminal hears them. */

export interface Modifiers {
  ctrl: boolean
  alt: boolean
}

export function withModifiers(data: string, { ctrl, alt }: Modifiers): string {
  let out = data
  if (ctrl && data.length === 1) {
    const code = data.toUpperCase().charCodeAt(0)
    if (code >= 64 && code <= 95) out = String.fromCharCode(code - 64)
    else if (data === ' ') out = '\0'
  }
  return alt ? `\x1b${out}` : out
}

/** Written lines as a terminal hears them, each ended with its Enter. */
export const asCommand = (text: string): string => `${text.replace(/\r\n?|\n/g, '\r').replace(/\r+$/, '')}\r`

/** Commands one tap away. */
export const usual = ['ls', 'ls -la', 'pwd', 'cd ..', 'git status', 'git diff', 'clear', 'top'] as const

export const keys = [
  { label: 'Esc', data: '\x1b' },
  { label: 'Tab', data: '\t' },
  { label: '↑', data: '\x1b[A' },
  { label: '↓', data: '\x1b[B' },
  { label: '←', data: '\x1b[D' },
  { label: '→', data: '\x1b[C' },
  { label: '^C', data: '\x03' },
  { label: '^D', data: '\x04' },
  { label: '^R', data: '\x12' },
  { label: '|', data: '|' },
  { label: '/', data: '/' },
  { label: '~', data: '~' },
  { label: '-', data: '-' },
] as const
