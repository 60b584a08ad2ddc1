/** Two dollar signs around a formula; a single one is money. A fence named math is a formula too. */
import { Tokenizer, type MarkedOptions, type Token } from 'marked'

export interface MathToken {
  type: 'math' | 'inlineMath'
  raw: string
  text: string
}

const alone = /^\$\$((?:(?!\$\$|\n[ \t]*\n)[\s\S])+)\$\$[ \t]*(?:\n+|$)/
const within = /^\$\$((?:(?!\$\$)[^\n])+)\$\$/

const token = (type: MathToken['type'], m: RegExpExecArray | null): MathToken | undefined => (m?.[1]?.trim() ? { type, raw: m[0], text: m[1].trim() } : undefined)

/** Text that happens to be indented is text. */
class Reader extends Tokenizer {
  override code(): undefined {
    return undefined
  }
}

/** How agents write: GitHub's Markdown, lines that break where they do, formulas. */
export const markdownOptions: MarkedOptions = {
  gfm: true,
  breaks: true,
  tokenizer: new Reader(),
  extensions: {
    renderers: {},
    childTokens: {},
    block: [(src) => token('math', alone.exec(src))],
    inline: [(src) => token('inlineMath', within.exec(src))],
    startBlock: [(src) => src.match(/\n\$\$/)?.index],
    startInline: [(src) => src.match(/\$\$/)?.index],
  },
}

export const isMath = (t: Token | MathToken): t is MathToken => t.type === 'math' || t.type === 'inlineMath'
