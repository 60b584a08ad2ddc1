import { expect, test } from 'vitest'
import type { Machine } from '@/api/types'
import { flavors } from './flavor'
import { agentsOf } from './machine'

test('an agent of the settings of a machine has its icon', () => {
  const machine = { runnerState: { capabilities: { agentConfigs: [{ flavor: 'goose', icon: '🪿' }, { flavor: 'claude' }, { flavor: 7, icon: 'x' }] } } } as unknown as Machine
  expect(agentsOf(machine, flavors).map((f) => [f.id, f.letter])).toEqual(expect.arrayContaining([['goose', '🪿'], ['claude', 'C']]))
  expect(agentsOf(machine, flavors)).toHaveLength(2)
})
