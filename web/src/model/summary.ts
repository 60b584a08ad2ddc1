/** The line an agent may end its text with, meant for notifications. */

export interface TurnSummary {
  status?: string
  action?: string
  summary?: string
}

const mark = 'AGENT_NOTIFY_SUMMARY '

/** The text without that line, and what the line says. A line that is not well formed, or not the last, is text. */
export function splitSummary(text: string): { text: string; summary: TurnSummary | null } {
  const end = text.trimEnd()
  const start = end.lastIndexOf('\n') + 1
  const line = end.slice(start)
  for (let at = line.indexOf(mark); at >= 0; at = line.indexOf(mark, at + 1)) {
    const before = line.slice(0, at)
    // Glued to prose it counts; after prose and a space it is an example.
    if (before.trim() !== '' && /\s$/.test(before)) continue
    const said = objectIn(line.slice(at + mark.length).trim())
    if (said) return { text: (end.slice(0, start) + before).trimEnd(), summary: said }
  }
  return { text, summary: null }
}

function objectIn(json: string): TurnSummary | null {
  if (!json.startsWith('{') || !json.endsWith('}')) return null
  try {
    const { status, action, summary } = JSON.parse(json) as Record<string, unknown>
    return { ...(typeof status === 'string' ? { status } : {}), ...(typeof action === 'string' ? { action } : {}), ...(typeof summary === 'string' ? { summary } : {}) }
  } catch {
    return null
  }
}
