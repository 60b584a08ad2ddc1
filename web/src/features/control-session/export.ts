import type { Export } from '@/api/hub'
import type { Metadata } from '@/api/types'
import { decode } from '@/model/decode'
import { titleOf } from '@/model/session'
import { resultText, subjectOf } from '@/model/tools'

export function exportName(data: Export, format: 'json' | 'md'): string {
  const slug = titleOf({ ...data.session, metadata: data.session.metadata as Metadata | null })
    .toLowerCase()
    .normalize('NFKD')
    .replaceAll(/[^\p{L}\p{N}]+/gu, '-')
    .replaceAll(/^-+|-+$/g, '')
    .slice(0, 80)
  return `${slug || 'session'}-${data.session.id.slice(0, 8)}-${new Date(data.exportedAt).toISOString().slice(0, 10)}.${format}`
}

const fence = (text: string, language = '') => {
  const ticks = '`'.repeat(Math.max(3, ...[...text.matchAll(/`+/g)].map((m) => m[0].length + 1)))
  return `${ticks}${language}\n${text}\n${ticks}`
}

/** A conversation to read: what was said in full, what tools did in short. */
export function toMarkdown(data: Export): string {
  const meta = data.session.metadata as Metadata | null
  const out = [`# ${titleOf({ ...data.session, metadata: meta })}`, `${meta?.flavor ?? 'claude'} · ${meta?.path ?? ''} · ${new Date(data.session.createdAt).toISOString()}`]
  for (const m of data.messages) {
    const d = decode(m)
    if (!d || d.isSidechain) continue
    for (const p of d.parts) {
      if (p.kind === 'user') out.push(`## ${p.text.split('\n')[0] ?? ''}`, p.text, ...p.attachments.map((a) => `- ${a.filename}`))
      else if (p.kind === 'text') out.push(p.text)
      else if (p.kind === 'tool-call') out.push(`> **${p.name}** ${subjectOf(p.name, p.input, p.description)}`)
      else if (p.kind === 'tool-result') {
        const text = resultText(p.content).trim()
        if (text) out.push(fence(text.length > 4000 ? `${text.slice(0, 4000)}\n…` : text))
      }
    }
  }
  return `${out.join('\n\n')}\n`
}
