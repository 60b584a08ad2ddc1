import { useState } from 'react'
import { api } from '@/api/hub'
import { errorText } from '@/api/client'
import type { Attachment, Message, Session } from '@/api/types'
import { useT } from '@/i18n'
import { useLive, useNow } from '@/live/hooks'
import { obstacleTo, type TurnBack } from '@/model/history'
import { Button } from '@/ui/Button'
import { Dialog } from '@/ui/Dialog'

/** What is wanted; without a message a fork begins at the end. */
export interface TurnBackWish {
  action: TurnBack
  message: { localId: string; text: string; attachments: readonly Attachment[] } | null
}

interface Props {
  session: Session
  queued: readonly Message[]
  wish: TurnBackWish
  onClose(): void
  /** With the message it went back before, to be said otherwise. Files stay with the session they were sent to. */
  onForked(sessionId: string, text: string): void
  onRewound(text: string, attachments: readonly Attachment[]): void
}

/** Asks, says why not, and stays until the agent has gone back or has refused to. */
export function TurnBackDialog({ session, queued, wish, onClose, onForked, onRewound }: Props) {
  const t = useT()
  const { hub } = useLive()
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<string | null>(null)
  const now = useNow(1000)
  const { action, message } = wish
  const obstacle = busy ? null : obstacleTo(action, session, queued, now)
  const fork = action === 'fork'

  async function go() {
    setBusy(true)
    setError(null)
    try {
      if (fork) onForked((await api.fork(hub, session.id, message?.localId ?? null)).sessionId, message?.text ?? '')
      else if (message) {
        await api.rewind(hub, session.id, message.localId)
        onRewound(message.text, message.attachments)
      }
      onClose()
    } catch (failure) {
      setBusy(false)
      setError(errorText(failure))
    }
  }

  return (
    <Dialog open onClose={() => busy || onClose()} title={t(fork ? 'turnBack.forkAsk' : 'turnBack.rewindAsk')} description={t(!fork ? 'turnBack.rewindAbout' : message ? 'turnBack.forkAbout' : 'turnBack.forkNowAbout')}>
      <div className="flex flex-col gap-3 p-4">
        {message ? <p className="line-clamp-3 rounded-m bg-sunken px-3 py-2 text-s whitespace-pre-wrap">{message.text || message.attachments.map((a) => a.filename).join(', ')}</p> : null}
        {obstacle ? (
          <p role="status" className="text-s font-medium">
            {t(`turnBack.${obstacle}`)}
          </p>
        ) : busy ? (
          <p role="status" className="text-s text-ink-2">
            {t(fork ? 'turnBack.forking' : 'turnBack.rewinding')}
          </p>
        ) : null}
        {error ? (
          <p role="alert" className="text-s text-bad">
            {t('turnBack.failed', { error })}
          </p>
        ) : null}
        <div className="flex gap-2">
          <Button grow disabled={busy} onClick={onClose}>
            {t('common.cancel')}
          </Button>
          <Button grow look={fork ? 'primary' : 'danger'} busy={busy} disabled={obstacle !== null} onClick={() => void go()}>
            {t(fork ? 'turnBack.forkGo' : 'turnBack.rewindGo')}
          </Button>
        </div>
      </div>
    </Dialog>
  )
}
