import type { ReactNode } from 'react'
import type { Session, SessionSummary } from '@/api/types'
import { useT } from '@/i18n'
import { useSession } from '@/live/hooks'
import { homePath } from '@/model/session'
import { kindOf } from '@/model/tools'
import { Button } from '@/ui/Button'
import { allow, deny, type Ask } from './decision'
import { exactly, rowLine } from './facts'
import { useAnswer } from './useAnswer'

interface Props {
  session: SessionSummary
  /** The row's head: picture, title, time; told what waits in half a sentence. */
  head(line: string): ReactNode
  onOpen(): void
}

/** A session that waits, in the list: what it asks, answered in place where one tap can. */
export function NeedCard({ session, head, onOpen }: Props) {
  const t = useT()
  const { data } = useSession(session.id)
  const first = session.pendingRequests[0]
  const request = first && data?.agentState?.requests?.[first.id]
  const place = homePath(session.metadata?.path ?? '', (data?.metadata as { homeDir?: string } | null | undefined)?.homeDir)
  const line = first ? rowLine(first.tool, request?.arguments, place, t) : ''
  const kind = first ? kindOf(first.tool) : 'other'
  const words = request && kind !== 'plan' && kind !== 'question' ? exactly(request.tool, request.arguments) : null
  return (
    <article className="mx-3 mb-2 animate-in overflow-hidden rounded-[12px] border border-[color-mix(in_oklab,var(--waits)_35%,var(--line))] bg-waits-soft">
      {head(line)}
      {words ? <code className="mr-3.5 mb-2.5 ml-15 block truncate wide:ml-4">{words.split('\n')[0]}</code> : null}
      <div className="flex gap-2 pr-3 pb-3 pl-15 wide:pl-4">
        {kind === 'question' || kind === 'plan' || session.pendingRequestsCount > 1 || !first ? (
          <Button grow onClick={onOpen}>
            {kind === 'plan' ? t('need.readPlan') : session.pendingRequestsCount > 1 ? t.count('need.open', session.pendingRequestsCount) : t('need.answer')}
          </Button>
        ) : (
          <Quick session={session} data={data} requestId={first.id} tool={first.tool} />
        )}
      </div>
    </article>
  )
}

function Quick({ session, data, requestId, tool }: { session: SessionSummary; data: Session | undefined; requestId: string; tool: string }) {
  const t = useT()
  const { give, busy, error } = useAnswer(session.id, requestId)
  const request = data?.agentState?.requests?.[requestId]
  const ask: Ask = { flavor: session.metadata?.flavor, tool, input: request?.arguments }
  return (
    <div className="min-w-0 flex-1">
      <div className="flex gap-2">
        <Button grow busy={busy === 'deny'} disabled={busy !== null} onClick={() => void give(deny(ask))}>
          {t('ask.deny')}
        </Button>
        {/* Nobody allows what is not on the screen yet. */}
        <Button grow look="primary" busy={busy === 'approve'} disabled={busy !== null || !request} onClick={() => void give(allow(ask, null))}>
          {t('ask.allow')}
        </Button>
      </div>
      {error ? (
        <p role="alert" className="mt-1.5 text-s text-bad">
          {t('ask.failed', { error })}
        </p>
      ) : null}
    </div>
  )
}
