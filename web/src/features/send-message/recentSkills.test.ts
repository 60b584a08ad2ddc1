import { expect, test } from 'vitest'
import { latestFirst, recentSkills, rememberSkill } from './recentSkills'

test('a skill used lately comes first', () => {
  localStorage.setItem('hapi-recent-skills', 'nonsense')
  expect(recentSkills()).toEqual([])
  for (const name of ['release', 'review', 'release']) rememberSkill(name)
  expect(latestFirst(['audit', 'release', 'review', 'test'].map((name) => ({ name })), recentSkills()).map((s) => s.name)).toEqual(['release', 'review', 'audit', 'test'])
})
