import type { Machine } from '@/api/types'
import { flavorOf, type Flavor } from './flavor'

export function machineName(m: Machine | undefined): string {
  return m?.metadata?.displayName || m?.metadata?.host.replace(/\.local$/, '') || m?.id.slice(0, 8) || ''
}

/** Agents this machine says it can start; all we know when it says nothing. */
export function agentsOf(machine: Machine | undefined, known: readonly Flavor[]): Flavor[] {
  const state = machine?.runnerState as { capabilities?: { agentConfigs?: { flavor?: unknown }[] } } | null | undefined
  const said = state?.capabilities?.agentConfigs?.map((c) => c.flavor).filter((f): f is string => typeof f === 'string') ?? []
  if (said.length === 0) return known.filter((f) => ['claude', 'codex', 'gemini', 'opencode'].includes(f.id))
  const order = known.map((f) => f.id)
  return [...new Set(said)].map(flavorOf).sort((a, b) => order.indexOf(a.id) - order.indexOf(b.id))
}
