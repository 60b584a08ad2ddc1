import { describe, expect, test } from 'vitest'
import { readFragment } from './shared'

describe('what a link shares', () => {
  test('is words, and a file with its name', () => {
    expect(readFragment('#title=A&text=b%20c&fileUrl=http%3A%2F%2F127.0.0.1%2Fx%2Fplan.pdf&fileType=application%2Fpdf')).toEqual({
      title: 'A',
      text: 'b c',
      url: '',
      file: { url: 'http://127.0.0.1/x/plan.pdf', name: 'plan.pdf', type: 'application/pdf' },
    })
  })

  test.each(['', 'javascript:alert(1)', 'file:///etc/passwd', 'http://', 'https://[', 'plan.pdf'])('has no file at %j', (address) => {
    expect(readFragment(`#fileUrl=${encodeURIComponent(address)}`).file).toBeNull()
  })

  test('a file without a name has one', () => {
    expect(readFragment('#fileUrl=https://127.0.0.1/').file?.name).toBe('file')
  })
})
