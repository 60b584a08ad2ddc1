import { expect, test } from 'vitest'
import { asCommand, withModifiers } from './input'

test('a written command ends with one Enter, and lines stay lines', () => {
  expect(asCommand('ls -la')).toBe('ls -la\r')
  expect(asCommand('cd app\nmake\r\n')).toBe('cd app\rmake\r')
  expect(asCommand('')).toBe('\r')
})

test('Ctrl and Alt are what a terminal hears', () => {
  expect(withModifiers('c', { ctrl: true, alt: false })).toBe('\x03')
  expect(withModifiers('b', { ctrl: false, alt: true })).toBe('\x1bb')
  expect(withModifiers('ls\r', { ctrl: true, alt: false })).toBe('ls\r')
})
