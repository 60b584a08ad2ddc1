/**
 * Names for what the hub says. Shapes come from the generated contract; only
 * what the stream carries, which the contract describes in words, is written here.
 */
import type { components } from './schema'

type Schemas = components['schemas']

export type Session = Schemas['Session']
export type SessionSummary = Schemas['SessionSummary']
export type Message = Schemas['Message']
export type Page = Schemas['Page']
export type Attachment = Schemas['Attachment']
export type SendRequest = Schemas['SendRequest']
export type CancelResult = Schemas['CancelResult']
export type QueuedState = Schemas['QueuedState']
export type AgentState = NonNullable<Schemas['AgentState']>
export type AgentRequest = Schemas['AgentRequest']
export type CompletedRequest = NonNullable<AgentState['completedRequests']>[string]
export type Approval = Schemas['Approval']
export type PermissionMode = Schemas['PermissionMode']
export type Machine = Schemas['Machine']
export type Todo = NonNullable<Session['todos']>[number]
export type Browser = Schemas['Browser']
export type AccessToken = Schemas['AccessToken']
export type Answers = Schemas['Answers']

/** Metadata as session processes write it: two keys are certain, all others are theirs. */
export interface Metadata {
  path: string
  host: string
  name?: string
  flavor?: string | null
  machineId?: string
  homeDir?: string
  lifecycleState?: string
  supersededBySessionId?: string
  startedBy?: string
  version?: string
  summary?: { text: string; updatedAt: number }
  worktree?: { basePath: string; branch: string; name: string; worktreePath?: string }
  capabilities?: { terminal?: boolean; conversationHistory?: { forkCurrent?: boolean; forkAtMessage?: boolean; rewindToMessage?: boolean } }
  forkedFrom?: string
  /** Messages, by local id, at which the agent can be brought back; each agent keeps what it needs to find them. */
  conversationHistoryPoints?: Record<string, boolean>
  conversationHistoryIndexes?: Record<string, unknown>
  conversationHistoryTurns?: Record<string, unknown>
  conversationHistoryEntryIds?: Record<string, unknown>
  conversationHistoryDiverged?: boolean
  slashCommands?: string[]
  preferredPermissionMode?: PermissionMode
  [key: string]: unknown
}

interface Versioned<T> {
  version: number
  value: T
}

/** What changed of a session. */
export interface SessionPatch {
  active?: boolean
  thinking?: boolean
  activeTurnStartedAt?: number | null
  activeAt?: number
  updatedAt?: number
  backgroundTaskCount?: number
  scratchlistUpdatedAt?: number
  model?: string | null
  modelReasoningEffort?: string | null
  effort?: string | null
  serviceTier?: string | null
  permissionMode?: PermissionMode
  collaborationMode?: string
  copilotAgentMode?: string
  metadata?: Versioned<Metadata | null>
  agentState?: Versioned<AgentState | null>
  todos?: Versioned<Todo[]>
}

/** What the texts of a notification are made from. */
export interface NoticeParams {
  agent: string
  session: string
  tool?: string
  summary?: string
  failed?: boolean
}

export type MessageChange =
  | { type: 'message-received'; sessionId: string; message: Message }
  | { type: 'messages-consumed'; sessionId: string; localIds: string[]; invokedAt: number; steered?: boolean }
  | { type: 'messages-indeterminate'; sessionId: string; localIds: string[] }
  | { type: 'messages-requeued'; sessionId: string; localIds: string[] }
  | { type: 'message-cancelled'; sessionId: string; messageId: string; localId?: string }
  | { type: 'messages-invalidated'; sessionId: string }

export type HubEvent =
  | MessageChange
  | { type: 'connection-changed'; data: { status: string; subscriptionId?: string; resume?: 'ok' | 'gap' } }
  | { type: 'heartbeat' }
  | { type: 'session-added' | 'session-updated'; sessionId: string; data?: Session | SessionPatch }
  | { type: 'session-removed'; sessionId: string }
  | { type: 'session-ended'; sessionId: string; reason?: string }
  | { type: 'scheduled-matured'; sessionId: string }
  | { type: 'machine-updated'; machineId: string; data?: Machine | { active?: boolean } | null }
  | { type: 'toast'; data: { title: string; body: string; sessionId: string; url: string; type?: string; params?: NoticeParams } }

/** A full session among the things an update may carry. */
export function isSession(data: Session | SessionPatch): data is Session {
  return 'id' in data && 'createdAt' in data
}
