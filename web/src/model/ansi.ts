/** Terminal colours as spans. What moves a cursor is dropped; a carriage return rewrites its line. */

export interface Span {
  text: string
  color: number | null
  bold: boolean
  dim: boolean
}

export function parseAnsi(text: string): Span[] {
  const spans: Span[] = []
  let color: number | null = null
  let bold = false
  let dim = false
  const lines = text.replaceAll('\r\n', '\n').split('\n')
  const clean = lines.map((l) => (l.includes('\r') ? (l.split('\r').findLast((p) => p !== '') ?? '') : l)).join('\n')
  // oxlint-disable-next-line no-control-regex -- escape sequences are what this reads
  const pattern = /\x1b\[([0-9;]*)m|\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[()][A-Z0-9]|[\x00-\x08\x0b-\x1f]/g
  let from = 0
  const push = (upTo: number) => {
    if (upTo > from) spans.push({ text: clean.slice(from, upTo), color, bold, dim })
  }
  for (const match of clean.matchAll(pattern)) {
    push(match.index)
    from = match.index + match[0].length
    if (match[1] === undefined) continue
    const codes = match[1] === '' ? [0] : match[1].split(';').map(Number)
    for (let i = 0; i < codes.length; i++) {
      const c = codes[i] ?? 0
      if (c === 0) {
        color = null
        bold = dim = false
      } else if (c === 1) bold = true
      else if (c === 2) dim = true
      else if (c === 22) bold = dim = false
      else if (c >= 30 && c <= 37) color = c - 30
      else if (c >= 90 && c <= 97) color = c - 90
      else if (c === 39) color = null
      else if (c === 38) {
        const n = codes[i + 2] ?? 0
        if (codes[i + 1] === 5) {
          color = n < 16 ? n % 8 : null
          i += 2
        } else i += 4
      } else if (c === 48) i += codes[i + 1] === 5 ? 2 : 4
    }
  }
  push(clean.length)
  return spans
}
