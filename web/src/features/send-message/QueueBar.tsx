import { ChevronDown, Clock, Pencil, RotateCcw, X, Zap } from 'lucide-react'
import { useState } from 'react'
import { api } from '@/api/hub'
import { errorText } from '@/api/client'
import type { Attachment, Message } from '@/api/types'
import { useT } from '@/i18n'
import { useLive, useNow } from '@/live/hooks'
import { decode } from '@/model/decode'
import { dayAndTime, took } from '@/model/time'
import { IconButton } from '@/ui/Button'
import { showToast } from '@/ui/toast'
import { cx } from '@/ui/cx'

interface Props {
  sessionId: string
  rows: readonly Message[]
  /** The running turn takes more to think about. */
  canSteer: boolean
  onEdit(text: string, attachments: readonly Attachment[]): void
}

function saidIn(m: Message): { text: string; attachments: Attachment[] } {
  const part = decode(m)?.parts[0]
  return part?.kind === 'user' ? part : { text: '', attachments: [] }
}

/** What the agent has not taken yet, in the order it will. */
export function QueueBar({ sessionId, rows, canSteer, onEdit }: Props) {
  const t = useT()
  const [open, setOpen] = useState(false)
  const now = rows.filter((m) => m.scheduledAt === null)
  const later = rows.filter((m) => m.scheduledAt !== null).sort((a, b) => (a.scheduledAt ?? 0) - (b.scheduledAt ?? 0))
  const all = [...now, ...later]
  const shown = open ? all : all.slice(0, 1)
  if (all.length === 0) return null
  return (
    <section aria-label={t('queue.label')} aria-live="polite" className="pb-1.5">
      {shown.map((m, i) => (
        <QueuedRow key={m.id} sessionId={sessionId} message={m} first={i === 0} canSteer={canSteer} onEdit={onEdit} />
      ))}
      {all.length > 1 ? (
        <button type="button" aria-expanded={open} onClick={() => setOpen(!open)} className="flex min-h-7 items-center gap-2 px-1 text-s text-ink-2 hover:text-ink touch:min-h-9">
          <ChevronDown className={cx('size-4 transition-transform', open && 'rotate-180')} />
          {open ? t('queue.fewer') : t.count('queue.more', all.length - 1)}
        </button>
      ) : null}
    </section>
  )
}

function QueuedRow({ sessionId, message: m, first, canSteer, onEdit }: { sessionId: string; message: Message; first: boolean; canSteer: boolean; onEdit: Props['onEdit'] }) {
  const t = useT()
  const { hub, windows } = useLive()
  const [busy, setBusy] = useState(false)
  const { text, attachments } = saidIn(m)
  const now = useNow(10_000, m.scheduledAt !== null)
  const left = (m.scheduledAt ?? 0) - now
  const unknown = m.deliveryState === 'indeterminate'

  async function cancel(then?: () => void) {
    setBusy(true)
    try {
      const answer = await api.cancel(hub, sessionId, m.id)
      if (answer.status === 'cancelled') {
        windows.onChange({ type: 'message-cancelled', sessionId, messageId: m.id, ...(m.localId ? { localId: m.localId } : {}) })
        then?.()
      } else if (answer.status === 'invoked' && answer.message) {
        windows.onChange({ type: 'message-received', sessionId, message: answer.message })
        showToast({ text: t('queue.tooLate') })
      } else showToast({ text: t('queue.busy') })
    } catch (error) {
      showToast({ text: t('queue.cancelFailed'), detail: errorText(error) })
    } finally {
      setBusy(false)
    }
  }
  async function attempt(work: () => Promise<{ status: string; error?: string }>) {
    setBusy(true)
    try {
      const answer = await work()
      if (answer.error) showToast({ text: t('queue.failed'), detail: answer.error })
    } catch (error) {
      showToast({ text: t('queue.failed'), detail: errorText(error) })
    } finally {
      setBusy(false)
    }
  }

  return (
    <div className="flex items-center gap-2 pl-1 text-s text-ink-2">
      <Clock aria-hidden className="size-4 shrink-0" />
      <span className="min-w-0 flex-1 truncate">
        <b className="font-medium text-ink">{m.scheduledAt !== null ? [dayAndTime(m.scheduledAt, t), left > 0 ? t('schedule.in', { time: took(left, t) }) : null].filter(Boolean).join(', ') : unknown ? t('queue.unknown') : first ? t('queue.next') : t('queue.then')}</b> {text || attachments.map((a) => a.filename).join(', ')}
      </span>
      {unknown ? (
        <IconButton label={t('common.retry')} disabled={busy} onClick={() => void attempt(() => api.retry(hub, sessionId, m.id))}>
          <RotateCcw className="size-4!" />
        </IconButton>
      ) : canSteer && m.scheduledAt === null ? (
        <IconButton label={t('queue.steer')} disabled={busy} onClick={() => void attempt(() => api.steer(hub, sessionId, m.id))}>
          <Zap className="size-4!" />
        </IconButton>
      ) : null}
      {unknown ? null : (
        <IconButton label={t('queue.edit')} disabled={busy} onClick={() => void cancel(() => onEdit(text, attachments))}>
          <Pencil className="size-4!" />
        </IconButton>
      )}
      <IconButton label={t('queue.cancel')} disabled={busy} onClick={() => void cancel()}>
        <X className="size-4!" />
      </IconButton>
    </div>
  )
}
