import { renderToStaticMarkup } from 'react-dom/server'
import { expect, test } from 'vitest'
import { Markdown, safeHref } from './Markdown'

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
