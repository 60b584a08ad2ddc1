/** The calls of the hub, one line each. */
import type { Hub } from './client'
import type { AccessToken, Answers, Approval, Attachment, Browser, CancelResult, Machine, Message, Page, PermissionMode, QueuedState, SendRequest, Session, SessionSummary } from './types'

const s = (id: string) => `/api/sessions/${encodeURIComponent(id)}`
const m = (id: string) => `/api/machines/${encodeURIComponent(id)}`

export interface Outcome {
  success: boolean
  error?: string
  code?: string
}

export interface CommandResult extends Outcome {
  stdout?: string
  stderr?: string
  exitCode?: number
}

export interface DirectoryEntry {
  name: string
  type: 'file' | 'directory' | 'other'
  size?: number
  modified?: number
  isGitRepo?: boolean
}

export interface FileHit {
  fileName: string
  filePath: string
  fullPath: string
}

export interface SlashCommand {
  name: string
  description?: string
  source?: string
}

export interface Skill {
  name: string
  description?: string
}

export interface ModelChoice {
  modelId: string
  name?: string
}

export interface ModelCatalogue extends Outcome {
  availableModels?: ModelChoice[]
  models?: { id: string; displayName?: string }[]
  currentModelId?: string | null
}

export interface Spawn {
  directory: string
  agent: string
  model?: string
  effort?: string
  modelReasoningEffort?: string
  yolo?: boolean
  permissionMode?: PermissionMode
  sessionType?: 'simple' | 'worktree'
  worktreeName?: string
}

export type SpawnResult = { type: 'success'; sessionId: string } | { type: 'error'; message: string }

export interface UsageBucket {
  key: string
  inputTokens: number
  outputTokens: number
  cacheReadTokens: number
  cacheCreationTokens: number
  totalTokens: number
  uncachedTokens: number
  requests: number
}

export interface Usage {
  totals: Omit<UsageBucket, 'key'> & { sessions: number }
  daily: UsageBucket[]
  byAgent: UsageBucket[]
  byModel: UsageBucket[]
}

export interface Export {
  schemaVersion: number
  exportedAt: number
  session: Session
  messages: Message[]
}

export type ExportResult = Export | { type: 'warning'; count: number; limit: number; estimatedBytes: number }

export interface Health {
  status: string
  protocolVersion: number
  capabilities?: Record<string, boolean>
}

export interface HubSettings {
  sessionSummaryContract: boolean
  sessionSummaryInChat: boolean
}

export const api = {
  health: (hub: Hub) => hub.get<Health>('/health'),
  sessions: (hub: Hub) => hub.get<{ sessions: SessionSummary[] }>('/api/sessions').then((r) => r.sessions),
  session: (hub: Hub, id: string) => hub.get<{ session: Session }>(s(id)).then((r) => r.session),
  machines: (hub: Hub) => hub.get<{ machines: Machine[] }>('/api/machines').then((r) => r.machines),

  messages: (hub: Hub, id: string, query: Record<string, string | number>) => hub.get<Page>(`${s(id)}/messages?${new URLSearchParams(Object.entries(query).map(([k, v]) => [k, String(v)]))}`),
  send: (hub: Hub, id: string, body: SendRequest) => hub.call<{ ok: true }>('POST', `${s(id)}/messages`, body),
  cancel: (hub: Hub, id: string, message: string) => hub.call<CancelResult>('DELETE', `${s(id)}/messages/${encodeURIComponent(message)}`),
  retry: (hub: Hub, id: string, message: string) => hub.call<{ status: string }>('POST', `${s(id)}/messages/${encodeURIComponent(message)}/retry`),
  steer: (hub: Hub, id: string, message: string) => hub.call<{ status: string; error?: string }>('POST', `${s(id)}/messages/${encodeURIComponent(message)}/steer`),
  queuedState: (hub: Hub, id: string, localIds: string[]) => hub.call<QueuedState>('POST', `${s(id)}/messages/queued-state`, { localIds }),

  approve: (hub: Hub, id: string, request: string, body: Approval) => hub.call<{ ok: true }>('POST', `${s(id)}/permissions/${encodeURIComponent(request)}/approve`, body),
  deny: (hub: Hub, id: string, request: string, body: { decision?: 'denied' | 'abort'; reason?: string }) => hub.call<{ ok: true }>('POST', `${s(id)}/permissions/${encodeURIComponent(request)}/deny`, body),

  abort: (hub: Hub, id: string) => hub.call<{ ok: true }>('POST', `${s(id)}/abort`),
  takeOver: (hub: Hub, id: string) => hub.call<{ ok: true }>('POST', `${s(id)}/switch`),
  resume: (hub: Hub, id: string) => hub.call<{ type: 'success'; sessionId: string }>('POST', `${s(id)}/resume`, {}),
  reopen: (hub: Hub, id: string) => hub.call<{ ok: true; sessionId: string }>('POST', `${s(id)}/reopen`, {}),
  fork: (hub: Hub, id: string, messageLocalId: string | null) => hub.call<{ sessionId: string }>('POST', `${s(id)}/fork`, messageLocalId === null ? {} : { messageLocalId }),
  rewind: (hub: Hub, id: string, messageLocalId: string) => hub.call<{ success: true }>('POST', `${s(id)}/rewind`, { messageLocalId }),
  archive: (hub: Hub, id: string) => hub.call<{ ok: true }>('POST', `${s(id)}/archive`),
  remove: (hub: Hub, id: string) => hub.call<{ ok: true }>('DELETE', s(id)),
  rename: (hub: Hub, id: string, name: string) => hub.call<{ ok: true }>('PATCH', s(id), { name }),
  pin: (hub: Hub, id: string, mode: 'none' | 'project' | 'global') => hub.call<{ ok: true }>('PUT', `${s(id)}/pin`, { mode }),
  setPermissionMode: (hub: Hub, id: string, mode: PermissionMode) => hub.call<{ ok: true }>('POST', `${s(id)}/permission-mode`, { mode }),
  setModel: (hub: Hub, id: string, model: string | null) => hub.call<{ ok: true }>('POST', `${s(id)}/model`, { model }),
  setEffort: (hub: Hub, id: string, effort: string | null) => hub.call<{ ok: true }>('POST', `${s(id)}/effort`, { effort }),
  setReasoningEffort: (hub: Hub, id: string, modelReasoningEffort: string | null) => hub.call<{ ok: true }>('POST', `${s(id)}/model-reasoning-effort`, { modelReasoningEffort }),
  setServiceTier: (hub: Hub, id: string, serviceTier: 'fast' | 'standard') => hub.call<{ ok: true }>('POST', `${s(id)}/service-tier`, { serviceTier }),
  setCollaborationMode: (hub: Hub, id: string, mode: string) => hub.call<{ ok: true }>('POST', `${s(id)}/collaboration-mode`, { mode }),
  setCopilotAgentMode: (hub: Hub, id: string, mode: string) => hub.call<{ ok: true }>('POST', `${s(id)}/copilot-agent-mode`, { mode }),
  export: (hub: Hub, id: string, force: boolean) => hub.get<ExportResult>(`${s(id)}/export${force ? '?force=true' : ''}`),

  slashCommands: (hub: Hub, id: string) => hub.get<Outcome & { commands?: SlashCommand[] }>(`${s(id)}/slash-commands`),
  skills: (hub: Hub, id: string) => hub.get<Outcome & { skills?: Skill[] }>(`${s(id)}/skills`),
  sessionModels: (hub: Hub, id: string, flavor: string) => hub.get<ModelCatalogue>(`${s(id)}/${encodeURIComponent(flavor)}-models`),
  machineModels: (hub: Hub, id: string, flavor: string, cwd?: string) =>
    hub.get<Outcome & { availableModels?: ModelChoice[]; models?: { id: string; displayName?: string }[] }>(`${m(id)}/${encodeURIComponent(flavor)}-models${cwd ? `?cwd=${encodeURIComponent(cwd)}` : ''}`),

  upload: (hub: Hub, id: string, body: { filename: string; mimeType: string; content: string }) => hub.call<Outcome & { path?: string }>('POST', `${s(id)}/upload`, body),
  removeUpload: (hub: Hub, id: string, path: string) => hub.call<Outcome>('POST', `${s(id)}/upload/delete`, { path }),
  generatedImage: (hub: Hub, id: string, image: string) => hub.fetch(`${s(id)}/generated-images/${encodeURIComponent(image)}`),

  gitStatus: (hub: Hub, id: string) => hub.get<CommandResult>(`${s(id)}/git-status`),
  gitNumstat: (hub: Hub, id: string, staged: boolean) => hub.get<CommandResult>(`${s(id)}/git-diff-numstat?staged=${staged}`),
  gitDiff: (hub: Hub, id: string, path: string, staged: boolean) => hub.get<CommandResult>(`${s(id)}/git-diff-file?path=${encodeURIComponent(path)}&staged=${staged}`),
  file: (hub: Hub, id: string, path: string) => hub.get<Outcome & { content?: string; size?: number; modified?: number }>(`${s(id)}/file?path=${encodeURIComponent(path)}`),
  directory: (hub: Hub, id: string, path: string) => hub.get<Outcome & { entries?: DirectoryEntry[] }>(`${s(id)}/directory?path=${encodeURIComponent(path)}`),
  files: (hub: Hub, id: string, query: string, limit: number, signal?: AbortSignal) => hub.get<Outcome & { files?: FileHit[] }>(`${s(id)}/files?query=${encodeURIComponent(query)}&limit=${limit}`, signal),

  spawn: (hub: Hub, id: string, body: Spawn) => hub.call<SpawnResult>('POST', `${m(id)}/spawn`, body),
  listDirectory: (hub: Hub, id: string, path: string, includeHidden: boolean) => hub.call<Outcome & { entries?: DirectoryEntry[] }>('POST', `${m(id)}/list-directory`, { path, includeHidden }),
  pathsExist: (hub: Hub, id: string, paths: string[]) => hub.call<{ exists: Record<string, boolean> }>('POST', `${m(id)}/paths/exists`, { paths }).then((r) => r.exists),
  renameMachine: (hub: Hub, id: string, displayName: string) => hub.call<{ ok: true }>('PATCH', m(id), { displayName }),

  vapidKey: (hub: Hub) => hub.get<{ publicKey: string }>('/api/push/vapid-public-key').then((r) => r.publicKey),
  subscribePush: (hub: Hub, { endpoint, keys }: PushSubscriptionJSON, about: { deviceId: string; label: string; muted: string[] }) => hub.call<{ ok: true }>('POST', '/api/push/subscribe', { endpoint, keys, ...about }),
  unsubscribePush: (hub: Hub, endpoint: string) => hub.call<{ ok: true }>('DELETE', '/api/push/subscribe', { endpoint }),

  browsers: (hub: Hub) => hub.get<{ subscriptions: Browser[] }>('/api/push/subscriptions').then((r) => r.subscriptions),
  removeBrowser: (hub: Hub, id: string) => hub.call<{ ok: true }>('DELETE', `/api/push/subscriptions/${encodeURIComponent(id)}`),

  tokens: (hub: Hub) => hub.get<{ tokens: AccessToken[] }>('/api/tokens').then((r) => r.tokens),
  createToken: (hub: Hub, body: { name: string; namespace?: string; readOnly?: boolean; expiresInDays?: number }) => hub.call<AccessToken & { token: string }>('POST', '/api/tokens', body),
  revokeToken: (hub: Hub, name: string) => hub.call<{ ok: true }>('DELETE', `/api/tokens/${encodeURIComponent(name)}`),
  restartRunner: (hub: Hub, id: string) => hub.call<{ message: string }>('POST', `${m(id)}/restart-runner`),

  usage: (hub: Hub, range: '7d' | '30d' | 'all') => hub.get<Usage>(`/api/usage/summary?range=${range}&timeZone=${encodeURIComponent(Intl.DateTimeFormat().resolvedOptions().timeZone)}`),
  hubSettings: (hub: Hub) => hub.get<HubSettings>('/api/hub-settings'),
  setHubSettings: (hub: Hub, body: Partial<HubSettings>) => hub.call<HubSettings>('PUT', '/api/hub-settings', body),
}

export type { Answers, Attachment }
