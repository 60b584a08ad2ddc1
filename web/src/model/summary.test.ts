import { expect, test } from 'vitest'
import { splitSummary } from './summary'

const line = 'AGENT_NOTIFY_SUMMARY {"version":1,"status":"done","summary":"All tests pass","action":7}'

test('the summary leaves the text, also when it is glued to it', () => {
  expect(splitSummary(`It works.\n\n${line}\n\n`)).toEqual({ text: 'It works.', summary: { status: 'done', summary: 'All tests pass' } })
  expect(splitSummary(`It works.${line}`).text).toBe('It works.')
  expect(splitSummary(line).text).toBe('')
})

test.each([
  ['an example', `Write: ${line}`],
  ['not at the end', `${line}\nand more`],
  ['half of it', 'AGENT_NOTIFY_SUMMARY {"status":'],
  ['no object', 'AGENT_NOTIFY_SUMMARY []'],
])('%s is text', (_, text) => {
  expect(splitSummary(text)).toEqual({ text, summary: null })
})

test('the mark inside of the summary is part of it', () => {
  expect(splitSummary('AGENT_NOTIFY_SUMMARY {"summary":"about AGENT_NOTIFY_SUMMARY {x}"}').summary).toEqual({ summary: 'about AGENT_NOTIFY_SUMMARY {x}' })
})
