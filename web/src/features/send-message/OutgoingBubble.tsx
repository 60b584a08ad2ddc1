import type { ReactNode } from 'react'
import type { Attachment } from '@/api/types'
import { useT } from '@/i18n'
import { useLive } from '@/live/hooks'
import type { OutboxEntry } from '@/live/database'

interface Props {
  entry: OutboxEntry
  online: boolean
  /** The bubble itself belongs to the conversation. */
  bubble(foot: ReactNode): ReactNode
  onEdit(text: string, attachments: readonly Attachment[]): void
  onReopen(): Promise<string | null>
}

const link = 'text-accent underline-offset-2 hover:underline touch:min-h-9'

/** A message on its way: what became of it, and what to do if it did not get through. */
export function OutgoingBubble({ entry: e, online, bubble, onEdit, onReopen }: Props) {
  const t = useT()
  const { outbox } = useLive()
  if (e.state !== 'failed') return bubble(e.state === 'sent' ? t('message.sent') : online ? t('message.sending') : t('message.waiting'))
  return bubble(
    <span className="flex flex-wrap items-center justify-end gap-x-3">
      <span className="text-bad">{e.inactive ? `${t('message.inactive')} ${e.error ?? ''}` : t('message.failed', { error: e.error ?? '' })}</span>
      {e.inactive ? (
        <button type="button" className={link} onClick={() => void onReopen().then((id) => (id === null ? undefined : outbox.retry(e.localId, id)))}>
          {t('message.reopen')}
        </button>
      ) : (
        <button type="button" className={link} onClick={() => void outbox.retry(e.localId)}>
          {t('common.retry')}
        </button>
      )}
      <button
        type="button"
        className={link}
        onClick={() => {
          void outbox.remove(e.localId)
          onEdit(e.text, e.attachments)
        }}
      >
        {t('queue.edit')}
      </button>
    </span>,
  )
}
