import { expect, test } from 'vitest'
import { flavorOf, freedomChoices } from '@/model/flavor'
import { spawnBody, type Form } from './useNewSession'

const form = (more: Partial<Form>): Form => ({ machineId: 'm', directory: ' /src/app ', worktree: false, worktreeName: '', agent: 'claude', model: 'auto', effort: 'auto', mode: 'default', message: '', ...more })
const body = (f: Form) => spawnBody(f, flavorOf(f.agent))

test('only what an agent understands is sent', () => {
  expect(body(form({}))).toEqual({ directory: '/src/app', agent: 'claude', sessionType: 'simple', yolo: false })
  expect(body(form({ mode: 'bypassPermissions', model: 'opus', effort: 'high' }))).toEqual({ directory: '/src/app', agent: 'claude', sessionType: 'simple', yolo: true, model: 'opus', effort: 'high' })
  expect(body(form({ agent: 'codex', mode: 'read-only', effort: 'high' }))).toEqual({ directory: '/src/app', agent: 'codex', sessionType: 'simple', permissionMode: 'read-only', modelReasoningEffort: 'high' })
  expect(body(form({ agent: 'dsh' }))).toEqual({ directory: '/src/app', agent: 'dsh', sessionType: 'simple' })
})

test('a plan first is said, not approximated', () => {
  expect(body(form({ mode: 'plan' }))).toMatchObject({ yolo: false, permissionMode: 'plan' })
})

test('a worktree has its name if the person gave one', () => {
  expect(body(form({ worktree: true, worktreeName: ' fix ' }))).toMatchObject({ sessionType: 'worktree', worktreeName: 'fix' })
  expect(body(form({ worktree: true }))).not.toHaveProperty('worktreeName')
})

test('four degrees of freedom at most, the least first', () => {
  expect(freedomChoices(flavorOf('claude').modes)).toEqual(['default', 'acceptEdits', 'plan', 'bypassPermissions'])
  expect(freedomChoices(flavorOf('codex').modes)).toEqual(['default', 'read-only', 'safe-yolo', 'yolo'])
  expect(freedomChoices(flavorOf('pi').modes)).toEqual([])
})
