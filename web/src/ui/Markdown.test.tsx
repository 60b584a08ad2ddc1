import { renderToStaticMarkup } from 'react-dom/server'
import { expect, test } from 'vitest'
import { Markdown, safeHref } from './Markdown'
import { otherScheme } from './OtherLink'

const html = (text: string) => renderToStaticMarkup(<Markdown text={text} />)

test('what agents write never becomes markup of ours', () => {
  const out = html('<img src=x onerror=alert(1)> and <script>alert(1)</script>\n\n<div onclick="x">y</div>')
  expect(out).not.toMatch(/<img|<script|<div onclick/)
  expect(out).toContain('&lt;script&gt;')
})

test.each([
  ['https://example.org', true],
  ['mailto:a@b.c', true],
  ['/sessions/x', true],
  ['javascript:alert(1)', false],
  ['JaVaScRiPt:alert(1)', false],
  ['data:text/html,x', false],
  ['vbscript:x', false],
  ['file:///etc/passwd', false],
])('%s may be followed: %s', (href, may) => {
  expect(safeHref(href) !== null).toBe(may)
})

test('a dangerous link is only text', () => {
  expect(html('[click](javascript:alert(1))')).not.toContain('href')
})

test('tables, tasks and single tildes', () => {
  const out = html('| a | b |\n|---|---|\n| 1 | 2 |\n\n- [x] done\n\n~5 minutes~')
  expect(out).toContain('<td')
  expect(out).toContain('checked=""')
  expect(out).not.toContain('<del')
})

test('Chinese punctuation is not part of a link', () => {
  expect(html('见 https://example.org/a。谢谢')).toContain('href="https://example.org/a"')
})

test('two dollar signs hold a formula, one is money', () => {
  expect(html('It costs $5 and $6.')).not.toContain('<code')
  expect(html('so $$a^2$$ it is')).toMatch(/<p>so <span><span hidden=""><\/span><code[^>]*>a\^2<\/code><\/span> it is/)
  expect(html('before\n$$\na + b\n$$\nafter')).toMatch(/before.*<div[^>]*>.*a \+ b.*<\/div>.*after/s)
  expect(html('`$$x$$`')).toContain('>$$x$$</code>')
  expect(html('$$ never closed')).toContain('$$ never closed')
})

test('indented text is text', () => {
  expect(html('one\n\n    two')).not.toContain('<pre')
})

test('a diagram that still grows is shown as it is written', () => {
  expect(html('```mermaid\nflowchart LR\n  A --> B')).toContain('flowchart LR')
})

test('a link into another program is asked about, a dangerous one never followed', () => {
  expect(html('[here](vscode://file/x.ts)')).toContain('<button')
  for (const href of ['javascript:alert(1)', 'JavaScript:alert(1)', 'data:text/html,x', 'file:///etc/passwd', 'nothing']) expect(otherScheme(href)).toBeNull()
})
