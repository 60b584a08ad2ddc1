import { Brain, ChevronRight, CircleHelp, Copy, Ellipsis, Paperclip } from 'lucide-react'
import { memo, useEffect, useState, type ReactNode } from 'react'
import { api } from '@/api/hub'
import type { Attachment } from '@/api/types'
import { useT, type Key, type Translate } from '@/i18n'
import { useLive } from '@/live/hooks'
import type { AgentEvent } from '@/model/decode'
import { shortModel } from '@/model/flavor'
import { inShort } from '@/model/number'
import { dayAndTime, hourMinute, took } from '@/model/time'
import { IconButton } from '@/ui/Button'
import { CodeBlock, CopyButton } from '@/ui/Code'
import { Markdown } from '@/ui/Markdown'
import { Menu, MenuItem, MenuLabel } from '@/ui/Menu'
import { Pictures } from '@/ui/Picture'
import { TerminalText } from '@/ui/TerminalText'
import { copyText } from '@/ui/copy'
import { showToast } from '@/ui/toast'
import { cx } from '@/ui/cx'
import type { Block } from './blocks'
import { useOpen, useReading } from './context'
import { ToolGroup, ToolView } from './ToolView'

const renderBlock = (block: Block) => <BlockView key={block.id} block={block} />

/** The last text of a turn says when it ended, and has a menu that a thumb can find. */
export const BlockView = memo(function BlockView({ block, duration, last }: { block: Block; duration?: number | undefined; last?: boolean }): ReactNode {
  const t = useT()
  switch (block.kind) {
    case 'user':
      return (
        <UserBubble text={block.text} attachments={block.attachments} menu={<MessageMenu block={block} />}>
          {dayAndTime(block.at, t)} · {t('message.delivered')}
        </UserBubble>
      )
    case 'text':
      return <Said block={block} duration={duration} last={last ?? false} />
    case 'reasoning':
      return <Reasoning id={block.id} text={block.text} />
    case 'tool':
      return (
        <ToolView tool={block.tool} renderBlock={renderBlock}>
          {block.children}
        </ToolView>
      )
    case 'tools':
      return <ToolGroup id={block.id} tools={block.tools} />
    case 'image':
      return <Generated imageId={block.imageId} name={block.fileName} mimeType={block.mimeType} />
    case 'cli':
      return <CliOutput text={block.text} />
    case 'event':
      return <EventLine event={block.event} />
    case 'orphan':
      return <Orphan block={block} />
    case 'raw':
      return <Raw id={block.id} label={block.label} json={block.json} />
    default:
      return block satisfies never
  }
})

/** The person's own words. */
export function UserBubble({ text, attachments, children, failed, menu }: { text: string; attachments: readonly Attachment[]; children?: ReactNode; failed?: boolean; menu?: ReactNode }) {
  const command = /^([/$][\w:-]+)(\s[\s\S]*)?$/.exec(text.trim())
  return (
    <div className="group/message flex flex-col items-end">
      <div className="flex w-full items-end justify-end gap-1">
        {menu}
        <div className={cx('max-w-[84%] rounded-l rounded-br-[4px] px-3.5 py-2 break-words', failed ? 'border border-bad bg-raised' : 'bg-sunken')}>
          <Attached attachments={attachments} />
          <span className="whitespace-pre-wrap">
            {command ? (
              <>
                <code className="rounded-[4px] border border-line bg-raised px-1 py-px">{command[1]}</code>
                {command[2]}
              </>
            ) : (
              text
            )}
          </span>
        </div>
      </div>
      <p className="mt-0.5 text-xs text-ink-2 num">{children}</p>
    </div>
  )
}

/** Pictures as pictures, other files by their name. */
function Attached({ attachments }: { attachments: readonly Attachment[] }) {
  const pictures = attachments.flatMap((a) => (a.previewUrl?.startsWith('data:image/') ? [{ src: a.previewUrl, name: a.filename }] : []))
  const files = attachments.filter((a) => !a.previewUrl?.startsWith('data:image/'))
  return (
    <>
      {pictures.length > 0 ? (
        <div className="my-1 flex flex-wrap gap-1.5">
          <Pictures pictures={pictures} small={pictures.length > 1} />
        </div>
      ) : null}
      {files.length > 0 ? (
        <ul className="mb-1 flex flex-wrap gap-1.5">
          {files.map((a) => (
            <li key={a.id} className="flex max-w-full items-center gap-1.5 rounded-s border border-line bg-raised px-2 py-0.5 text-s">
              <Paperclip aria-hidden className="size-3.5" />
              <span className="truncate">{a.filename}</span>
            </li>
          ))}
        </ul>
      ) : null}
    </>
  )
}

function Said({ block, duration, last }: { block: Extract<Block, { kind: 'text' }>; duration: number | undefined; last: boolean }) {
  const t = useT()
  const { links } = useReading()
  return (
    <div className="group/message relative">
      <Markdown text={block.text} links={links} />
      <div className={cx('flex items-center gap-2 text-xs text-ink-2 num', !last && 'absolute -bottom-3.5 left-0 touch:hidden')}>
        {duration === undefined ? null : <span>{t('message.took', { time: took(duration, t) })}</span>}
        <span className={cx(duration !== undefined && 'opacity-0 group-focus-within/message:opacity-100 group-hover/message:opacity-100', !last && 'opacity-0 group-focus-within/message:opacity-100 group-hover/message:opacity-100')}>{hourMinute(block.at, t)}</span>
        {last ? (
          <span className="-ml-3.5">
            <MessageMenu block={block} />
          </span>
        ) : null}
      </div>
      <CopyButton text={block.text} label={t('message.copy')} className="absolute! -top-1.5 -right-1.5 bg-surface opacity-0 group-hover/message:opacity-100 focus-visible:opacity-100 touch:hidden" />
    </div>
  )
}

/** What can be done with one message, and what is known of it. */
function MessageMenu({ block }: { block: Extract<Block, { kind: 'user' | 'text' }> }) {
  const t = useT()
  const { renderActions } = useReading()
  const usage = block.kind === 'text' ? block.by?.usage : null
  const model = block.kind === 'text' ? block.by?.model : null
  return (
    <Menu
      align={block.kind === 'user' ? 'end' : 'start'}
      trigger={
        <IconButton label={t('message.more')} className="-my-2 opacity-0 group-focus-within/message:opacity-100 group-hover/message:opacity-100 data-[state=open]:opacity-100 touch:opacity-100">
          <Ellipsis className="size-4!" />
        </IconButton>
      }
    >
      <MenuLabel>
        {dayAndTime(block.at, t)}
        {model ? ` · ${shortModel(model)}` : null}
        {usage ? <span className="block font-normal num">{t('message.tokens', { read: inShort(usage.context, t), written: inShort(usage.output, t) })}</span> : null}
      </MenuLabel>
      <MenuItem icon={<Copy />} onSelect={() => void copyText(block.text).then((ok) => ok && showToast({ text: t('common.copied') }))}>
        {t('message.copy')}
      </MenuItem>
      {block.kind === 'user' ? renderActions(block) : null}
    </Menu>
  )
}

function Reasoning({ id, text }: { id: string; text: string }) {
  const t = useT()
  const { reasoningOpen } = useReading()
  const [open, setOpen] = useOpen(id, reasoningOpen)
  return (
    <div className="text-s text-ink-2">
      <button type="button" aria-expanded={open} onClick={() => setOpen(!open)} className="-mx-1 flex min-h-7 w-full items-center gap-2 rounded-s px-1 text-left hover:bg-sunken/60 touch:min-h-9">
        <Brain className="size-4 shrink-0" />
        <span className="min-w-0 flex-1 truncate">{open ? t('message.thought') : text.trim().split('\n')[0]?.replaceAll('**', '')}</span>
        <ChevronRight className={cx('size-4 shrink-0 transition-transform duration-150', open && 'rotate-90')} />
      </button>
      {open ? (
        <div className="quiet-scroll mt-1 ml-6 max-h-[60vh] overflow-y-auto">
          <Markdown text={text} />
        </div>
      ) : null}
    </div>
  )
}

function Generated({ imageId, name, mimeType }: { imageId: string; name: string; mimeType: string }) {
  const t = useT()
  const { hub } = useLive()
  const { sessionId } = useReading()
  const [url, setUrl] = useState<string | null>(null)
  const [failed, setFailed] = useState(false)
  const isImage = mimeType.startsWith('image/')
  useEffect(() => {
    if (!isImage) return
    let made: string | null = null
    let here = true
    api
      .generatedImage(hub, sessionId, imageId)
      .then(async (r) => {
        if (!r.ok) throw new Error(String(r.status))
        made = URL.createObjectURL(await r.blob())
        if (here) setUrl(made)
        else URL.revokeObjectURL(made)
      })
      .catch(() => setFailed(true))
    return () => {
      here = false
      if (made) URL.revokeObjectURL(made)
    }
  }, [hub, sessionId, imageId, isImage])
  const load = async () => {
    const r = await api.generatedImage(hub, sessionId, imageId)
    if (r.ok) window.open(URL.createObjectURL(await r.blob()), '_blank', 'noopener')
    else setFailed(true)
  }
  if (failed) return <p className="text-s text-ink-2">{t('image.gone', { name })}</p>
  if (!isImage) {
    return (
      <button type="button" className="self-start text-s text-accent hover:underline" onClick={() => void load()}>
        {name}
      </button>
    )
  }
  return url ? <Pictures pictures={[{ src: url, name }]} className="self-start" /> : <div className="h-40 w-60 animate-pulse rounded-m bg-sunken" />
}

function CliOutput({ text }: { text: string }) {
  const tag = (name: string) => new RegExp(`<${name}>([\\s\\S]*?)</${name}>`).exec(text)?.[1]?.trim() ?? ''
  const command = `${tag('command-name')} ${tag('command-args')}`.trim()
  const output = tag('local-command-stdout') || tag('local-command-stderr')
  return (
    <div className="overflow-hidden rounded-m border border-line bg-raised">
      {command ? <code className="block border-b border-line px-3 py-1.5 last:border-0">{command}</code> : null}
      {output ? <TerminalText text={output} /> : command ? null : <TerminalText text={text} />}
    </div>
  )
}

function limitName(type: string, t: Translate): string {
  return type.startsWith('seven') || type.includes('7') ? t('event.week') : type.startsWith('five') || type.includes('5') ? t('event.fiveHours') : type
}

const whenOf = (endsAt: number, t: Translate) => dayAndTime(endsAt < 1e12 ? endsAt * 1000 : endsAt, t)

const summaryStates: Record<string, true> = { done: true, blocked: true, needs_review: true, needs_decision: true, failed: true, stalled: true }

export function eventText(e: AgentEvent, t: Translate): string {
  switch (e.type) {
    case 'switch':
      return t(e.mode === 'local' ? 'event.local' : 'event.remote')
    case 'permission-mode-changed':
      return t('event.mode', { mode: e.mode })
    case 'title-changed':
      return t('event.title', { title: e.title })
    case 'limit-warning':
      return t('event.limitWarning', { percent: e.percent, limit: limitName(e.limitType, t), time: whenOf(e.endsAt, t) })
    case 'limit-reached':
      return t('event.limitReached', { limit: limitName(e.limitType, t), time: whenOf(e.endsAt, t) })
    case 'api-error':
      if (e.max > 0 && e.attempt >= e.max) return t('event.apiGaveUp')
      return e.max > 0 ? t('event.apiRetry', { attempt: e.attempt, max: e.max }) : t('event.apiError', { reason: e.reason })
    case 'compact':
      return e.savedTokens > 0 ? t('event.compactedBy', { tokens: Math.round(e.savedTokens / 1000) }) : t('event.compacted')
    case 'recap':
      return t('event.recap', { text: e.text })
    case 'turn-summary':
      return e.status in summaryStates ? t('event.summary', { status: t(`summaryState.${e.status}` as Key), text: e.text }) : t('event.recap', { text: e.text })
    case 'goal':
      return t('event.goal', { goal: e.objective })
    case 'compact-summary':
    case 'message':
    case 'error':
    case 'abort-restore':
      return e.text
    case 'turn-duration':
    case 'silent':
      return ''
    default:
      return e satisfies never
  }
}

function EventLine({ event }: { event: AgentEvent }) {
  const t = useT()
  const bad = event.type === 'error' || event.type === 'limit-reached' || (event.type === 'api-error' && event.max > 0 && event.attempt >= event.max)
  return <p className={cx('text-center text-xs text-balance break-words whitespace-pre-wrap', bad ? 'text-bad' : 'text-ink-2')}>{eventText(event, t)}</p>
}

function Orphan({ block }: { block: Extract<Block, { kind: 'orphan' }> }) {
  const t = useT()
  const waits = block.children.some((b) => b.kind === 'tool' && b.tool.permission?.status === 'pending')
  const [wish, setOpen] = useOpen(block.id, false)
  const open = wish || waits
  return (
    <div className="overflow-hidden rounded-m border border-line bg-raised">
      <button type="button" aria-expanded={open} onClick={() => setOpen(!open)} className="flex min-h-9 w-full items-center gap-2 px-3 text-left text-s text-ink-2 hover:bg-sunken/60">
        <span className="flex-1">{t.count('agent.earlier', block.children.length)}</span>
        <ChevronRight className={cx('size-4 transition-transform', open && 'rotate-90')} />
      </button>
      {open ? <div className="flex flex-col gap-3 border-t border-line p-3">{block.children.map(renderBlock)}</div> : null}
    </div>
  )
}

function Raw({ id, label, json }: { id: string; label: string; json: string }) {
  const t = useT()
  const [open, setOpen] = useOpen(id, false)
  return (
    <div className="text-s text-ink-2">
      <button type="button" aria-expanded={open} onClick={() => setOpen(!open)} className="flex min-h-7 items-center gap-2 touch:min-h-9">
        <CircleHelp className="size-4" />
        {t('message.unknown', { label })}
        <ChevronRight className={cx('size-4 transition-transform', open && 'rotate-90')} />
      </button>
      {open ? <CodeBlock code={json} language="json" /> : null}
    </div>
  )
}
