import { useMemo, useState } from 'react'
import { api, type Spawn } from '@/api/hub'
import { errorText } from '@/api/client'
import type { Machine, PermissionMode, SessionSummary } from '@/api/types'
import { useLive } from '@/live/hooks'
import { flavorOf, flavors, type Flavor } from '@/model/flavor'
import { agentsOf } from '@/model/machine'

export interface Form {
  machineId: string
  directory: string
  worktree: boolean
  worktreeName: string
  agent: string
  model: string
  effort: string
  mode: PermissionMode
  message: string
}

const lastMachine = 'hapi:lastMachineId'
const lastAgent = 'hapi:newSession:agent'
const recentKey = 'hapi:recentPaths'
const launchKey = (machine: string, agent: string) => `hapi:newSession:launchSettings:v1:${machine}:${agent}`
const keptPaths = 5

type Recent = Record<string, string[]>

function read<T>(key: string, fallback: T): T {
  try {
    const raw = localStorage.getItem(key)
    return raw === null ? fallback : (JSON.parse(raw) as T)
  } catch {
    return fallback
  }
}

/** Folders that were used on a machine, the latest first. */
export function recentFolders(machineId: string, sessions: readonly SessionSummary[]): string[] {
  const own = read<Recent>(recentKey, {})[machineId] ?? []
  const used = sessions
    .filter((s) => s.metadata?.machineId === machineId && s.metadata.path && !s.metadata.worktree)
    .toSorted((a, b) => b.updatedAt - a.updatedAt)
    .map((s) => s.metadata?.path ?? '')
  return [...new Set([...own, ...used])].slice(0, 8)
}

function rememberFolder(machineId: string, path: string) {
  const all = read<Recent>(recentKey, {})
  all[machineId] = [path, ...(all[machineId] ?? []).filter((p) => p !== path)].slice(0, keptPaths)
  localStorage.setItem(recentKey, JSON.stringify(all))
}

/** What is sent for a form: only what this agent understands. */
export function spawnBody(form: Form, flavor: Flavor): Spawn {
  const body: Spawn = { directory: form.directory.trim(), agent: form.agent, sessionType: form.worktree ? 'worktree' : 'simple' }
  if (form.worktree && form.worktreeName.trim()) body.worktreeName = form.worktreeName.trim()
  if (form.model && form.model !== 'auto') body.model = form.model
  if (form.effort && form.effort !== 'auto') {
    if (flavor.effort === 'effort') body.effort = form.effort
    else if (flavor.effort === 'reasoning') body.modelReasoningEffort = form.effort
  }
  if (flavor.spawnsWith === 'mode') body.permissionMode = form.mode
  else if (flavor.spawnsWith === 'yolo') {
    body.yolo = form.mode === flavor.yolo
    // Modes between asking and not asking are an addition of ours; who does not know them asks.
    if (!body.yolo && form.mode !== flavor.modes[0] && flavor.modes.length > 0) body.permissionMode = form.mode
  }
  return body
}

export function useNewSession(machines: readonly Machine[], sessions: readonly SessionSummary[], wanted: { machineId?: string; directory?: string }) {
  const { hub, outbox } = useLive()
  const [changes, setChanges] = useState<Partial<Form>>({})
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<string | null>(null)
  /** The folder does not exist; the next press makes it. */
  const [missing, setMissing] = useState<string | null>(null)

  const form = useMemo((): Form => {
    const known = (id: string | null | undefined) => machines.find((m) => m.id === id)?.id
    const machineId = changes.machineId ?? known(wanted.machineId) ?? known(localStorage.getItem(lastMachine)) ?? machines[0]?.id ?? ''
    const agents = agentsOf(
      machines.find((m) => m.id === machineId),
      flavors,
    )
    const agent = changes.agent ?? agents.find((f) => f.id === localStorage.getItem(lastAgent))?.id ?? agents[0]?.id ?? 'claude'
    const launch = read<{ model?: string; effort?: string; mode?: PermissionMode }>(launchKey(machineId, agent), {})
    const flavor = flavorOf(agent)
    const mode = changes.mode ?? launch.mode
    return {
      machineId,
      directory: changes.directory ?? wanted.directory ?? recentFolders(machineId, sessions)[0] ?? '',
      worktree: changes.worktree ?? false,
      worktreeName: changes.worktreeName ?? '',
      agent,
      model: changes.model ?? launch.model ?? 'auto',
      effort: changes.effort ?? launch.effort ?? 'auto',
      mode: mode && flavor.modes.includes(mode) ? mode : (flavor.modes[0] ?? 'default'),
      message: changes.message ?? '',
    }
  }, [changes, machines, sessions, wanted.machineId, wanted.directory])

  function change(next: Partial<Form>) {
    setError(null)
    setMissing(null)
    // Another machine or agent brings its own defaults.
    setChanges((before) => {
      const merged = { ...before, ...next }
      if (next.agent !== undefined) for (const key of ['model', 'effort', 'mode'] as const) delete merged[key]
      if (next.machineId !== undefined) delete merged.directory
      return merged
    })
  }

  /** The id of the session that was started, or null with the reason in error. */
  async function start(): Promise<string | null> {
    const flavor = flavorOf(form.agent)
    setBusy(true)
    setError(null)
    try {
      const directory = form.directory.trim()
      if (missing !== directory) {
        const exists = await api.pathsExist(hub, form.machineId, [directory]).catch(() => ({}) as Record<string, boolean>)
        if (exists[directory] === false) {
          setMissing(directory)
          return null
        }
      }
      const answer = await api.spawn(hub, form.machineId, spawnBody(form, flavor))
      if (answer.type === 'error') {
        setError(answer.message)
        return null
      }
      localStorage.setItem(lastMachine, form.machineId)
      localStorage.setItem(lastAgent, form.agent)
      localStorage.setItem(launchKey(form.machineId, form.agent), JSON.stringify({ model: form.model, effort: form.effort, mode: form.mode }))
      rememberFolder(form.machineId, directory)
      if (form.message.trim()) await outbox.add(answer.sessionId, { text: form.message.trim(), attachments: [], scheduledAt: null })
      return answer.sessionId
    } catch (failure) {
      setError(errorText(failure))
      return null
    } finally {
      setBusy(false)
    }
  }

  return { form, change, start, busy, error, missing }
}
