import { expect, test } from 'vitest'
import { complete, completionAt, fileMention, rank } from './completion'

test.each([
  ['/com', { trigger: '/', query: 'com', from: 0 }],
  ['run /com', null],
  ['see @src/a', { trigger: '@', query: 'src/a', from: 4 }],
  ['mail@example', null],
  ['use $rel', { trigger: '$', query: 'rel', from: 4 }],
  ['costs $5', null],
  ['/compact now', null],
])('%s', (text, wanted) => {
  expect(completionAt(text, text.length)).toEqual(wanted)
})

test('takes the word’s place and leaves the caret behind it', () => {
  const text = 'see @src please'
  const c = completionAt(text, 8)
  expect(c && complete(text, 8, c, '@src/main.ts')).toEqual({ text: 'see @src/main.ts please', caret: 17 })
})

test('each agent has its way of naming a file', () => {
  expect(fileMention('a b.ts', 'codex')).toBe('@"a b.ts"')
  expect(fileMention('a.ts', 'claude')).toBe('@a.ts')
})

test('better matches come first, others not at all', () => {
  expect(rank(['review', 'preview', 'rev-iew', 'clear'], 'review', (x) => x, 9)).toEqual(['review', 'preview', 'rev-iew'])
})
