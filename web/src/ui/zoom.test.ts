import { expect, test } from 'vitest'
import { fit, keepInside, zoomAt } from './zoom'

const stage = { width: 400, height: 800 }

test('the whole picture is shown first, a small one not larger than asked', () => {
  expect(fit({ width: 800, height: 800 }, stage, 1).scale).toBe(0.5)
  expect(fit({ width: 100, height: 100 }, stage, 1).scale).toBe(1)
  expect(fit({ width: 100, height: 100 }, stage, 3).scale).toBe(3)
  expect(fit({ width: 0, height: 0 }, stage, 1).scale).toBe(1)
})

test('what is under the finger stays under it', () => {
  const before = { scale: 1, x: 10, y: -20 }
  const at = { x: 50, y: 60 }
  const after = zoomAt(before, 2, at, 1)
  expect((at.x - after.x) / after.scale).toBeCloseTo((at.x - before.x) / before.scale)
  expect((at.y - after.y) / after.scale).toBeCloseTo((at.y - before.y) / before.scale)
})

test('zooming has ends, and a large picture can be seen at its own size', () => {
  const at = { x: 0, y: 0 }
  expect(zoomAt({ scale: 1, x: 0, y: 0 }, 100, at, 1).scale).toBe(8)
  expect(zoomAt({ scale: 1, x: 0, y: 0 }, 0.01, at, 1).scale).toBe(0.25)
  expect(zoomAt({ scale: 0.05, x: 0, y: 0 }, 100, at, 0.05).scale).toBe(1)
})

test('a picture cannot be lost outside of the window', () => {
  expect(keepInside({ scale: 1, x: 999, y: 999 }, { width: 500, height: 300 }, stage)).toEqual({ scale: 1, x: 50, y: 0 })
})
