/** What agents write, as React elements: nothing they say becomes markup of ours. */
import { Lexer, type Token, type Tokens } from 'marked'
import { memo, useMemo, type ReactNode } from 'react'
import { cx } from './cx'
import { CodeBlock } from './Code'
import { Diagram } from './Diagram'
import { Formula } from './Formula'
import { isMath, markdownOptions } from './math'
import { OtherLink, otherScheme } from './OtherLink'

export interface LinkRules {
  /** Where a link inside the app leads, or null when it leaves. */
  inside?(href: string): { onClick(): void; href: string } | null
}

const openly = new Set(['http:', 'https:', 'mailto:', 'irc:', 'ircs:', 'xmpp:'])

export function safeHref(href: string): string | null {
  try {
    const url = new URL(href, 'https://relative.invalid')
    return openly.has(url.protocol) ? href : null
  } catch {
    return null
  }
}

const entities: Record<string, string> = { '&amp;': '&', '&lt;': '<', '&gt;': '>', '&quot;': '"', '&#39;': "'" }
const unescape = (s: string) => s.replace(/&(amp|lt|gt|quot|#39);/g, (e) => entities[e] ?? e)

export const Markdown = memo(function Markdown({ text, links, className }: { text: string; links?: LinkRules; className?: string }) {
  const tokens = useMemo(() => Lexer.lex(text, markdownOptions), [text])
  return <div className={cx('markdown flex min-w-0 flex-col gap-2 break-words', className)}>{tokens.map((token, i) => <Block key={i} token={token} links={links} />)}</div>
})

const isClosed = (fence: string) => /\n\s*(`{3,}|~{3,})\s*$/.test(fence)

const headings = ['text-l font-semibold mt-2', 'text-l font-semibold mt-2', 'text-m font-semibold mt-1', 'text-m font-semibold', 'text-m font-medium', 'text-m font-medium']

const Block = memo(
  function Block({ token, links }: { token: Token; links: LinkRules | undefined }): ReactNode {
    if (isMath(token)) return <Formula tex={token.text} display />
    switch (token.type) {
      case 'space':
      case 'def':
        return null
      case 'heading': {
        const { depth, tokens } = token as Tokens.Heading
        return (
          <p role="heading" aria-level={Math.min(6, depth + 2)} className={headings[depth - 1]}>
            <Inline tokens={tokens} links={links} />
          </p>
        )
      }
      case 'paragraph':
        return (
          <p>
            <Inline tokens={(token as Tokens.Paragraph).tokens} links={links} />
          </p>
        )
      case 'code': {
        const { text, lang, raw } = token as Tokens.Code
        // What still grows is shown as it is written.
        if (lang === 'mermaid' && isClosed(raw)) return <Diagram code={text} />
        if (lang === 'math' && isClosed(raw)) return <Formula tex={text} display />
        return <CodeBlock code={text} language={lang ? (lang.split(/\s/)[0] ?? null) : null} />
      }
      case 'blockquote':
        return <blockquote className="flex flex-col gap-2 border-l-2 border-line pl-3 text-ink-2">{(token as Tokens.Blockquote).tokens.map((t, i) => <Block key={i} token={t} links={links} />)}</blockquote>
      case 'list': {
        const { ordered, items, start } = token as Tokens.List
        const Tag = ordered ? 'ol' : 'ul'
        return (
          <Tag {...(ordered && start !== '' ? { start } : {})} className={cx('flex flex-col gap-1 pl-5', ordered ? 'list-decimal' : 'list-disc', 'marker:text-ink-2')}>
            {items.map((item, i) => (
              <li key={i} className={cx(item.task && 'list-none -ml-5 flex items-baseline gap-2')}>
                {item.task ? <input type="checkbox" checked={item.checked === true} readOnly tabIndex={-1} aria-label={item.text} className="translate-y-0.5 accent-accent" /> : null}
                <div className="flex min-w-0 flex-col gap-1.5">{item.tokens.map((t, j) => <Block key={j} token={t} links={links} />)}</div>
              </li>
            ))}
          </Tag>
        )
      }
      case 'table': {
        const { header, rows, align } = token as Tokens.Table
        return (
          <div tabIndex={0} className="quiet-scroll overflow-x-auto rounded-m border border-line">
            <table className="w-full border-collapse text-s">
              <thead className="bg-sunken text-left">
                <tr>
                  {header.map((cell, i) => (
                    <th key={i} className="px-3 py-1.5 font-semibold whitespace-nowrap" style={{ textAlign: align[i] ?? 'left' }}>
                      <Inline tokens={cell.tokens} links={links} />
                    </th>
                  ))}
                </tr>
              </thead>
              <tbody>
                {rows.map((row, i) => (
                  <tr key={i} className="border-t border-line">
                    {row.map((cell, j) => (
                      <td key={j} className="px-3 py-1.5 align-top" style={{ textAlign: align[j] ?? 'left' }}>
                        <Inline tokens={cell.tokens} links={links} />
                      </td>
                    ))}
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )
      }
      case 'hr':
        return <hr className="my-1 border-line" />
      case 'text': {
        const { tokens, text } = token as Tokens.Text
        return <span>{tokens ? <Inline tokens={tokens} links={links} /> : unescape(text)}</span>
      }
      default:
        return <p className="whitespace-pre-wrap">{token.raw.trim()}</p>
    }
  },
  // A message that still grows changes its last block only.
  (a, b) => a.token.raw === b.token.raw && a.token.type === b.token.type && a.links === b.links,
)

function Inline({ tokens, links }: { tokens: Token[]; links: LinkRules | undefined }): ReactNode {
  return tokens.map((t, i) => <InlineToken key={i} token={t} links={links} />)
}

function InlineToken({ token, links }: { token: Token; links: LinkRules | undefined }): ReactNode {
  if (isMath(token)) return <Formula tex={token.text} display={false} />
  switch (token.type) {
    case 'strong':
      return (
        <strong className="font-semibold">
          <Inline tokens={(token as Tokens.Strong).tokens} links={links} />
        </strong>
      )
    case 'em':
      return (
        <em>
          <Inline tokens={(token as Tokens.Em).tokens} links={links} />
        </em>
      )
    case 'del':
      // A single ~ is meant as itself.
      return token.raw.startsWith('~~') ? (
        <del>
          <Inline tokens={(token as Tokens.Del).tokens} links={links} />
        </del>
      ) : (
        token.raw
      )
    case 'codespan': {
      const { text } = token as Tokens.Codespan
      const inside = links?.inside?.(unescape(text))
      const code = <code className="rounded-[4px] bg-sunken px-1 py-px break-words">{unescape(text)}</code>
      return inside ? <a href={inside.href} className="underline decoration-line underline-offset-2 hover:decoration-current" onClick={(e) => follow(e, inside.onClick)}>{code}</a> : code
    }
    case 'link': {
      const { href, tokens, text } = token as Tokens.Link
      const inside = links?.inside?.(href)
      const safe = safeHref(href)
      const label = <Inline tokens={tokens} links={undefined} />
      if (inside) return <a href={inside.href} className="text-accent underline underline-offset-2" onClick={(e) => follow(e, inside.onClick)}>{label}</a>
      // CJK punctuation after a bare link belongs to the sentence.
      const cut = text === href ? /^(.*?)([，。；：！？、）」』】]+.*)$/.exec(href) : null
      if (cut?.[1]) {
        return (
          <>
            <a href={cut[1]} target="_blank" rel="noreferrer noopener" className="text-accent underline underline-offset-2">{cut[1]}</a>
            {cut[2]}
          </>
        )
      }
      const other = safe ? null : otherScheme(href)
      if (other) return <OtherLink href={href} scheme={other}>{label}</OtherLink>
      return safe ? <a href={safe} target="_blank" rel="noreferrer noopener" className="text-accent underline underline-offset-2">{label}</a> : <span title={href}>{label}</span>
    }
    case 'image': {
      const { href, text } = token as Tokens.Image
      const safe = safeHref(href)
      return safe?.startsWith('https:') ? <a href={safe} target="_blank" rel="noreferrer noopener" className="text-accent underline underline-offset-2">{text || href}</a> : text
    }
    case 'br':
      return <br />
    case 'escape':
      return (token as Tokens.Escape).text
    case 'text': {
      const { tokens, text } = token as Tokens.Text
      return tokens ? <Inline tokens={tokens} links={links} /> : unescape(text)
    }
    default:
      return token.raw
  }
}

function follow(e: { preventDefault(): void; metaKey: boolean; ctrlKey: boolean }, go: () => void) {
  if (e.metaKey || e.ctrlKey) return
  e.preventDefault()
  go()
}
