import type { Machine } from '@/api/types'
import { flavorOf, type Flavor } from './flavor'

export function machineName(m: Machine | undefined): string {
  return m?.metadata?.displayName || m?.metadata?.host.replace(/\.local$/, '') || m?.id.slice(0, 8) || ''
}

/** Agents this machine says it can start; all we know when it says nothing. */
export function agentsOf(machine: Machine | undefined, known: readonly Flavor[]): Flavor[] {
  const state = machine?.runnerState as { capabilities?: { agentConfigs?: { flavor?: unknown; icon?: unknown }[] } } | null | undefined
  const configs = state?.capabilities?.agentConfigs ?? []
  const said = configs.map((c) => c.flavor).filter((f): f is string => typeof f === 'string')
  if (said.length === 0) return known.filter((f) => ['claude', 'codex', 'gemini', 'opencode'].includes(f.id))
  const order = known.map((f) => f.id)
  const withIcon = (f: Flavor): Flavor => {
    const icon = configs.find((c) => c.flavor === f.id)?.icon
    return typeof icon === 'string' && icon !== '' ? { ...f, letter: icon } : f
  }
  return [...new Set(said)].map(flavorOf).map(withIcon).sort((a, b) => order.indexOf(a.id) - order.indexOf(b.id))
}

/** What runners say of themselves beyond the contract of all machines. */
interface RunnerFacts {
  capabilities?: string[]
  supervisedRestart?: boolean
  startedCliMtimeMs?: number
  installedCliMtimeMs?: number
}
const factsOf = (m: Machine): RunnerFacts => (m.metadata ?? {}) as RunnerFacts

/** A capability that every runner of today has. */
const needed = 'cursor-chat-store-status'

/** Older than this hub expects, or than the program that is on its disk by now. */
export function isOutdated(m: Machine): boolean {
  const { capabilities = [], startedCliMtimeMs: started, installedCliMtimeMs: there } = factsOf(m)
  return !capabilities.includes(needed) || (started !== undefined && there !== undefined && there > started)
}

export const restartsItself = (m: Machine): boolean => factsOf(m).supervisedRestart === true
