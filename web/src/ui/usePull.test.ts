import { describe, expect, it } from 'vitest'
import { pulled } from './usePull'

describe('pulling a list', () => {
  it('shows nothing for a finger that only trembles', () => {
    expect(pulled(0)).toEqual({ at: 'rest' })
    expect(pulled(15)).toEqual({ at: 'rest' })
  })
  it('follows the finger, and says when letting go is enough', () => {
    expect(pulled(16)).toEqual({ at: 'pulled', by: 16, enough: false })
    expect(pulled(63)).toEqual({ at: 'pulled', by: 63, enough: false })
    expect(pulled(64)).toEqual({ at: 'pulled', by: 64, enough: true })
  })
  it('gives way less and less, and not for ever', () => {
    expect(pulled(84)).toEqual({ at: 'pulled', by: 74, enough: true })
    expect(pulled(1000)).toEqual({ at: 'pulled', by: 96, enough: true })
  })
})
