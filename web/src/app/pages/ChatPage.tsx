import { useQuery } from '@tanstack/react-query'
import { useNavigate, useParams, useSearch } from '@tanstack/react-router'
import { CornerLeftUp, FolderOpen, GitFork, ListTree, SquareTerminal } from 'lucide-react'
import { useCallback, useEffect, useMemo, useRef, useState, type ReactNode } from 'react'
import { api } from '@/api/hub'
import { HubError, errorText } from '@/api/client'
import type { Metadata, Session } from '@/api/types'
import { useT } from '@/i18n'
import { RequestCard } from '@/features/answer-request/RequestCard'
import { headline } from '@/features/answer-request/facts'
import { Controls, nextMode } from '@/features/control-session/Controls'
import { SessionMenu } from '@/features/control-session/SessionMenu'
import { useNextModel } from '@/features/control-session/useNextModel'
import { useSessionActions } from '@/features/control-session/useSessionActions'
import { ContextMeter } from '@/features/read-session/ContextMeter'
import { BlockView, UserBubble } from '@/features/read-session/BlockView'
import { Aside, OutlineDialog } from '@/features/read-session/Aside'
import { buildConversation, type Block, type Tool } from '@/features/read-session/blocks'
import { OpenRows, ReadingContext, type Reading } from '@/features/read-session/context'
import { Timeline, type Item, type TimelineHandle } from '@/features/read-session/Timeline'
import { Composer, type ComposerHandle } from '@/features/send-message/Composer'
import { OutgoingBubble } from '@/features/send-message/OutgoingBubble'
import { QueueBar } from '@/features/send-message/QueueBar'
import { TurnBackItems } from '@/features/turn-back/TurnBackItems'
import { TurnBackDialog, type TurnBackWish } from '@/features/turn-back/TurnBackDialog'
import { useLive, useMachines, useNow, useOnline, useOutbox, useSession, useWindow } from '@/live/hooks'
import { isQueued } from '@/live/window'
import { flavorOf } from '@/model/flavor'
import { turnBackRights } from '@/model/history'
import { machineName } from '@/model/machine'
import { encodePath } from '@/model/path'
import { homePath, titleOf, toSummary } from '@/model/session'
import { Button, IconButton } from '@/ui/Button'
import { Dot } from '@/ui/Dot'
import { MenuItem } from '@/ui/Menu'
import { Failure, Skeleton } from '@/ui/States'
import { showToast } from '@/ui/toast'
import { PageBar } from '../PageBar'
import { giveShared, takeShared } from '../shared'
import { useDesk, useWide } from '../useWide'

export function ChatPage() {
  const t = useT()
  const navigate = useNavigate()
  const { id } = useParams({ from: '/shell/sessions/$id' })
  const { data: session, error, refetch } = useSession(id)
  const successor = (session?.metadata as Metadata | null | undefined)?.supersededBySessionId
  const gone = error instanceof HubError && error.status === 404

  useEffect(() => {
    if (gone) void navigate({ to: '/sessions', replace: true })
    else if (successor) void navigate({ to: '/sessions/$id', params: { id: successor }, replace: true })
  }, [gone, successor, navigate])

  if (session) return <Chat key={session.id} session={session} />
  return (
    <>
      <PageBar title={t('common.loading')} back={() => void navigate({ to: '/sessions' })} />
      {error ? <Failure title={t('chat.unavailable')} error={errorText(error)} retry={() => void refetch()} retryLabel={t('common.retry')} /> : <Skeleton rows={5} label={t('common.loading')} />}
    </>
  )
}

/** A prompt that starts a turn is not shown as waiting for it, unless it is not taken in this time. */
const takenWithin = 5000

function Chat({ session }: { session: Session }) {
  const t = useT()
  const navigate = useNavigate()
  const wide = useWide()
  const desk = useDesk()
  const online = useOnline()
  const { hub, windows, outbox } = useLive()
  const act = useSessionActions()
  const { data: machines = [] } = useMachines()
  const { window: rows, loading, error } = useWindow(session.id)
  const entries = useOutbox()
  const { outline: outlineWanted } = useSearch({ from: '/shell/sessions/$id' })
  const [outline, setOutline] = useState(outlineWanted === true)
  const [requestSeen, setRequestSeen] = useState(true)
  /** The agent was taken out of its terminal, and waits for a word. */
  const [takenOver, setTakenOver] = useState(false)
  const [turnBack, setTurnBack] = useState<TurnBackWish | null>(null)
  const timeline = useRef<TimelineHandle>(null)
  const composer = useRef<ComposerHandle>(null)
  const open = useMemo(() => new OpenRows(), [])

  const meta = session.metadata as Metadata | null
  const flavor = flavorOf(meta?.flavor)
  const takeNextModel = useNextModel(session, flavor)
  const cwd = meta?.path ?? ''
  const machine = machines.find((m) => m.id === meta?.machineId)
  const host = machine ? machineName(machine) : (meta?.host.replace(/\.local$/, '') ?? '')
  const folder = homePath(cwd, meta?.homeDir)
  const place = t('ask.place', { folder, machine: host })
  const { data: settings } = useQuery({ queryKey: ['hub-settings'], queryFn: () => api.hubSettings(hub), staleTime: 60_000, retry: 0 })
  const summaries = settings?.sessionSummaryInChat === true
  const conversation = useMemo(() => buildConversation(rows.rows, session.agentState, summaries), [rows.rows, session.agentState, summaries])
  const requests = useMemo(() => Object.entries(session.agentState?.requests ?? {}), [session.agentState])
  const waiting = session.active && requests.length > 0

  const goto = useCallback((id: string) => void navigate({ to: '/sessions/$id', params: { id } }), [navigate])

  const rights = useMemo(() => turnBackRights(meta), [meta])
  const reading: Reading = useMemo(() => {
    const openFile = (path: string) => void navigate({ to: '/sessions/$id/file', params: { id: session.id }, search: { path: encodePath(path), origin: 'chat', view: 'file' } })
    return {
      sessionId: session.id,
      cwd,
      open,
      openFile,
      reasoningOpen: localStorage.getItem('hapi-reasoning-collapsed') === 'false',
      links: {
        inside(href) {
          const other = /^(?:https?:\/\/[^/]+)?\/sessions\/([\w-]{8,})$/.exec(href)?.[1]
          if (other && (href.startsWith('/') || href.startsWith(location.origin))) return { href: `/sessions/${other}`, onClick: () => goto(other) }
          const path = filePath(href)
          return path ? { href: `/sessions/${session.id}/file?path=${encodePath(path)}&origin=chat`, onClick: () => openFile(path) } : null
        },
      },
      renderActions: (message) => <TurnBackItems rights={rights} message={message} onWish={setTurnBack} />,
      renderRequest: (tool: Tool) => {
        const request = session.agentState?.requests?.[tool.id]
        return request ? <RequestCard sessionId={session.id} requestId={tool.id} request={request} flavor={meta?.flavor} place={place} since={request.createdAt ?? session.updatedAt} /> : null
      },
    }
  }, [session, cwd, open, navigate, goto, meta?.flavor, place, rights])

  // A prompt the turn began with is a bubble; what waits behind a turn is in the queue.
  const now = useNow(1000, rows.rows.some(isQueued))
  const queued = rows.rows.filter(isQueued)
  const starting = queued.filter((m) => m.scheduledAt === null && m.deliveryState === undefined && session.thinking && m.createdAt <= (session.activeTurnStartedAt ?? 0) && now - m.createdAt < takenWithin)
  const behind = queued.filter((m) => !starting.includes(m))
  const known = new Set(rows.rows.map((m) => m.localId))
  const outgoing = entries.filter((e) => e.sessionId === session.id && !known.has(e.localId))

  const items: Item[] = useMemo(() => {
    const closing = closingTexts(conversation.blocks, session.thinking)
    const list: Item[] = conversation.blocks.map((b) => ({ key: b.id, height: guess(b), render: () => <BlockView block={b} duration={conversation.durations.get(b.id)} last={closing.has(b.id)} /> }))
    for (const m of starting) {
      const content = (m.content as { content?: { text?: string; attachments?: [] } } | null)?.content
      list.push({ key: m.id, height: 64, render: () => <UserBubble text={content?.text ?? ''} attachments={content?.attachments ?? []}>{t('message.sent')}</UserBubble> })
    }
    for (const e of outgoing) {
      list.push({
        key: e.localId,
        height: 64,
        render: () => (
          <OutgoingBubble
            entry={e}
            online={online}
            onEdit={(text, files) => composer.current?.give(text, files)}
            onReopen={async () => {
              const id = await act.reopen(session.id)
              if (id && id !== session.id) goto(id)
              return id
            }}
            bubble={(foot) => (
              <UserBubble text={e.text} attachments={e.attachments} failed={e.state === 'failed'}>
                {foot}
              </UserBubble>
            )}
          />
        ),
      })
    }
    for (const [id, request] of requests) {
      if (!conversation.unplaced.includes(id)) continue
      list.push({ key: `request:${id}`, height: 200, render: () => <RequestCard sessionId={session.id} requestId={id} request={request} flavor={meta?.flavor} place={place} since={request.createdAt ?? session.updatedAt} /> })
    }
    if (session.thinking && !waiting) list.push({ key: 'working', height: 24, render: () => <Working since={session.activeTurnStartedAt ?? null} /> })
    return list
  }, [conversation, starting, outgoing, requests, session, meta?.flavor, place, online, waiting, t, act, goto])

  // Text an interrupted prompt gives back.
  const restored = useRef<string | null>(null)
  useEffect(() => {
    const r = conversation.restore
    if (!r || restored.current === r.id) return
    const key = `hapi:restored:${r.id}`
    restored.current = r.id
    if (sessionStorage.getItem(key)) return
    sessionStorage.setItem(key, '1')
    composer.current?.give(r.text)
  }, [conversation.restore])

  // What another app shared goes into this message.
  useEffect(() => {
    const shared = takeShared(session.id)
    if (!shared) return
    if (shared.text) composer.current?.give(shared.text)
    if (shared.files.length > 0) composer.current?.attach(shared.files)
  }, [session.id])

  async function send(text: string, attachments: Parameters<typeof outbox.add>[1]['attachments'], scheduledAt: number | null) {
    setTakenOver(false)
    await outbox.add(session.id, { text, attachments, scheduledAt })
    requestAnimationFrame(() => timeline.current?.toEnd())
  }

  const onOlder = useCallback(() => void windows.loadOlder(session.id), [windows, session.id])
  const controlled = session.agentState?.controlledByUser === true
  const first = requests[0]
  const requestKey = first ? (conversation.unplaced.includes(first[0]) ? `request:${first[0]}` : blockWith(conversation.blocks, first[0])) : null

  return (
    <ReadingContext value={reading}>
      <div className="flex min-h-0 flex-1">
        <div className="flex min-h-0 min-w-0 flex-1 flex-col">
          <PageBar title={titleOf({ ...session, metadata: meta })} hideBack={wide} back={() => void navigate({ to: '/sessions' })} line={<StatusLine session={session} flavor={flavor.label} host={host} folder={wide ? folder : null} waiting={waiting} context={<ContextMeter conversation={conversation} session={session} flavor={meta?.flavor} short={!wide} />} />}>
            <IconButton label={t('files.title')} onClick={() => void navigate({ to: '/sessions/$id/files', params: { id: session.id } })}>
              <FolderOpen />
            </IconButton>
            {wide ? (
              <IconButton label={t('terminal.title')} onClick={() => void navigate({ to: '/sessions/$id/terminal', params: { id: session.id } })}>
                <SquareTerminal />
              </IconButton>
            ) : null}
            <SessionMenu session={toSummary(session)} onMoved={(id) => (id ? goto(id) : void navigate({ to: '/sessions' }))}>
              {wide ? null : (
                <MenuItem icon={<SquareTerminal />} onSelect={() => void navigate({ to: '/sessions/$id/terminal', params: { id: session.id } })}>
                  {t('terminal.title')}
                </MenuItem>
              )}
              <MenuItem icon={<ListTree />} onSelect={() => setOutline(true)}>
                {t('outline.title')}
              </MenuItem>
              {rights.forkNow ? (
                <MenuItem icon={<GitFork />} onSelect={() => setTurnBack({ action: 'fork', message: null })}>
                  {t('turnBack.forkNow')}
                </MenuItem>
              ) : null}
              {meta?.forkedFrom ? (
                <MenuItem icon={<CornerLeftUp />} onSelect={() => goto(meta.forkedFrom ?? '')}>
                  {t('turnBack.original')}
                </MenuItem>
              ) : null}
            </SessionMenu>
          </PageBar>
          {!rows.loaded && items.length === 0 && loading === 'latest' ? (
            <div className="min-h-0 flex-1">
              <Skeleton rows={5} label={t('common.loading')} />
            </div>
          ) : !rows.loaded && items.length === 0 && error ? (
            <div className="min-h-0 flex-1">
              <Failure title={t('chat.failed')} error={error} retry={() => void windows.sync(session.id)} retryLabel={t('common.retry')} />
            </div>
          ) : (
            <Timeline
              items={items}
              label={t('chat.log', { title: titleOf({ ...session, metadata: meta }) })}
              hasOlder={rows.older !== null}
              loadingOlder={loading === 'older'}
              olderError={loading === 'none' && rows.loaded && rows.older !== null ? error : null}
              onOlder={onOlder}
              onAtEnd={(end) => {
                if (end) windows.atTail(session.id)
              }}
              watched={requestKey}
              onWatched={setRequestSeen}
              handle={timeline}
            />
          )}
          <footer className="shrink-0 border-t border-line px-3 pt-2 safe-bottom">
            <div className="mx-auto w-full max-w-[760px]">
              {waiting && !requestSeen && first && requestKey ? (
                <button type="button" onClick={() => timeline.current?.toKey(requestKey)} className="mb-2 flex min-h-11 w-full animate-in items-center gap-2 rounded-m border border-[color-mix(in_oklab,var(--waits)_45%,var(--line))] bg-waits-soft px-3 text-s">
                  <Dot tone="waits" />
                  <span className="min-w-0 flex-1 truncate text-left font-medium">{headline(first[1].tool, first[1].arguments, t)}</span>
                  <span className="text-ink-2">{t('chat.show')}</span>
                </button>
              ) : null}
              {controlled ? (
                <div className="mb-2 flex items-center gap-3 rounded-m border border-line bg-raised px-3 py-1.5 text-s">
                  <span className="min-w-0 flex-1">{t('chat.local')}</span>
                  <Button onClick={() => void act.takeOver(session.id).then((done) => done && setTakenOver(true))}>{t('chat.takeOver')}</Button>
                </div>
              ) : null}
              {session.active ? null : <p className="px-1 pb-1.5 text-s text-ink-2">{t(meta?.lifecycleState === 'archived' ? 'chat.archived' : 'chat.inactive')}</p>}
              <QueueBar sessionId={session.id} rows={behind} canSteer={session.thinking && !controlled && (session.agentState?.steeringActive ?? flavor.id === 'pi')} onEdit={(text, files) => composer.current?.give(text, files)} />
              <Composer
                handle={composer}
                sessionId={session.id}
                flavor={flavor.id}
                active={session.active}
                thinking={session.active && session.thinking}
                placeholder={t(session.thinking ? 'composer.queueHint' : takenOver && !controlled ? 'composer.continueHint' : 'composer.hint')}
                controls={<Controls session={session} />}
                onSend={send}
                onAbort={() => void act.abort(session.id)}
                {...(takeNextModel ? { onNextModel: () => void takeNextModel() } : {})}
                onNextMode={() => {
                  const mode = nextMode(session)
                  if (mode) void api.setPermissionMode(hub, session.id, mode).catch((e: unknown) => showToast({ text: t('control.failed'), detail: errorText(e) }))
                }}
              />
            </div>
          </footer>
        </div>
        {desk ? <Aside conversation={conversation} todos={session.todos} cwd={cwd} onJump={(key) => timeline.current?.toKey(key)} onOpenFile={reading.openFile} /> : null}
      </div>
      {turnBack ? (
        <TurnBackDialog
          session={session}
          queued={queued}
          wish={turnBack}
          onClose={() => setTurnBack(null)}
          onForked={(id, text) => {
            if (text) giveShared(id, { text, files: [] })
            goto(id)
          }}
          onRewound={(text, files) => composer.current?.give(text, files)}
        />
      ) : null}
      <OutlineDialog open={outline} onClose={() => setOutline(false)} conversation={conversation} todos={session.todos} cwd={cwd} onOpenFile={reading.openFile} hasOlder={rows.older !== null} loading={loading === 'older'} onOlder={onOlder} onJump={(key) => timeline.current?.toKey(key)} />
    </ReadingContext>
  )
}

function Working({ since }: { since: number | null }) {
  const t = useT()
  const now = useNow(1000)
  const seconds = since === null ? 0 : Math.floor((now - since) / 1000)
  return (
    <p role="status" className="flex items-center gap-2 text-s text-ink-2">
      <Dot tone="works" className="animate-pulse" />
      {seconds > 2 ? t('chat.workingFor', { time: seconds < 60 ? t('time.seconds', { n: seconds }) : t('time.minutes', { n: Math.floor(seconds / 60) }) }) : t('row.working')}
    </p>
  )
}

function StatusLine({ session, flavor, host, folder, context, waiting }: { session: Session; flavor: string; host: string; folder: string | null; context: ReactNode; waiting: boolean }) {
  const t = useT()
  const [tone, words] = waiting ? (['waits', t('state.needsYou')] as const) : !session.active ? (['idle', t('state.ended')] as const) : session.thinking ? (['works', t('state.working')] as const) : (session.backgroundTaskCount ?? 0) > 0 ? (['works', t.count('state.background', session.backgroundTaskCount ?? 0)] as const) : (['good', t('state.ready')] as const)
  return (
    <>
      <Dot tone={tone} />
      <span className="truncate">
        {words} · {folder ? `${flavor} · ${host} · ${folder}` : t('state.on', { agent: flavor, machine: host })}
      </span>
      {context}
    </>
  )
}

/** The texts that turns end with. */
function closingTexts(blocks: readonly Block[], thinking: boolean): Set<string> {
  const out = new Set<string>()
  let open = !thinking
  for (const b of blocks.toReversed()) {
    if (b.kind === 'user') open = true
    else if (b.kind !== 'event') {
      if (open && b.kind === 'text') out.add(b.id)
      open = false
    }
  }
  return out
}

function guess(b: Block): number {
  switch (b.kind) {
    case 'user':
      return 60 + Math.floor(b.text.length / 40) * 24
    case 'text':
      return 24 + Math.floor(b.text.length / 60) * 24
    case 'tool':
      return b.tool.permission?.status === 'pending' ? 220 : 60
    default:
      return 28
  }
}

/** The row that shows a tool call, also when it is inside of a subagent's. */
function blockWith(blocks: readonly Block[], toolId: string): string | null {
  for (const b of blocks) {
    if (b.kind === 'tool' && (b.tool.id === toolId || blockWith(b.children, toolId))) return b.id
    if (b.kind === 'orphan' && blockWith(b.children, toolId)) return b.id
  }
  return null
}

/** Text that names a file of the project. */
function filePath(text: string): string | null {
  const m = /^(?:\.\/)?((?:[\w@.()[\]-]+\/)*[\w@.()[\]-]+\.(?:[cm]?[jt]sx?|go|py|rs|rb|java|kt|swift|c|h|cc|cpp|hpp|cs|php|sh|sql|md|json|ya?ml|toml|css|scss|html|vue|svelte|txt|proto|lock))(?::\d+(?::\d+)?)?$/.exec(text)
  return m?.[1] ?? null
}
