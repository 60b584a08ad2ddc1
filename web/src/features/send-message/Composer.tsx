import { ArrowUp, Camera, Clock, FileUp, Maximize2, Minimize2, Paperclip, Plus, Square, X } from 'lucide-react'
import { useCallback, useEffect, useId, useImperativeHandle, useLayoutEffect, useRef, useState, type ClipboardEvent, type DragEvent, type KeyboardEvent, type ReactNode, type Ref } from 'react'
import { api } from '@/api/hub'
import { errorText } from '@/api/client'
import type { Attachment } from '@/api/types'
import { useT } from '@/i18n'
import { useLive } from '@/live/hooks'
import { dayAndTime, took } from '@/model/time'
import { IconButton } from '@/ui/Button'
import { Menu, MenuItem, MenuLabel } from '@/ui/Menu'
import { Spinner } from '@/ui/Spinner'
import { cx } from '@/ui/cx'
import { largest, uploadFile } from './attach'
import { complete, completionAt, type Completion } from './completion'
import { ScheduleDialog } from './ScheduleDialog'
import { useDraft } from './useDraft'
import { rememberSkill } from './recentSkills'
import { useSuggestions, type Suggestion } from './useSuggestions'

export interface ComposerHandle {
  focus(): void
  /** Puts text in front of what is being written, and files beside it. */
  give(text: string, attachments?: readonly Attachment[]): void
  attach(files: readonly File[]): void
}

interface Props {
  sessionId: string
  flavor: string
  /** The agent's process is there. */
  active: boolean
  thinking: boolean
  controls?: ReactNode
  placeholder: string
  handle: Ref<ComposerHandle>
  onSend(text: string, attachments: ReturnType<typeof useDraft>['attachments'], scheduledAt: number | null): Promise<void>
  onAbort(): void
  onNextMode?(): void
  onNextModel?(): void
}

/** A time from now, or a time of day. */
export type When = { in: number } | { at: number }

const enterKey = 'hapi-composer-enter-behavior'
export const enterMakesNewline = () => localStorage.getItem(enterKey) === 'newline'

export function Composer({ sessionId, flavor, active, thinking, controls, placeholder, handle, onSend, onAbort, onNextMode, onNextModel }: Props) {
  const t = useT()
  const { hub } = useLive()
  const { text, setText, attachments, setAttachments } = useDraft(sessionId)
  const [uploading, setUploading] = useState<string[]>([])
  const [error, setError] = useState<string | null>(null)
  const [when, setWhen] = useState<When | null>(null)
  const [scheduling, setScheduling] = useState(false)
  const [tall, setTall] = useState(false)
  const [dropping, setDropping] = useState(false)
  const [completion, setCompletion] = useState<Completion | null>(null)
  const [highlight, setHighlight] = useState(0)
  const area = useRef<HTMLTextAreaElement>(null)
  const picker = useRef<HTMLInputElement>(null)
  const camera = useRef<HTMLInputElement>(null)
  const listId = useId()
  const suggestions = useSuggestions(sessionId, flavor, completion)
  const open = completion !== null && suggestions.length > 0
  const current = Math.min(highlight, suggestions.length - 1)

  const attach = useCallback(
    async (files: readonly File[]) => {
      for (const file of files) {
        if (file.size > largest) {
          setError(t('attach.tooLarge', { name: file.name }))
          continue
        }
        setUploading((list) => [...list, file.name])
        try {
          const attachment = await uploadFile(hub, sessionId, file)
          setAttachments((list) => [...list, attachment])
        } catch (failure) {
          setError(t('attach.failed', { name: file.name, error: errorText(failure) }))
        } finally {
          setUploading((list) => list.filter((name) => name !== file.name))
        }
      }
    },
    [hub, sessionId, setAttachments, t],
  )

  useImperativeHandle(handle, () => ({
    focus: () => area.current?.focus(),
    give(more, files = []) {
      setText([more, text].filter((words) => words.trim() !== '').join('\n'))
      if (files.length > 0) setAttachments((list) => [...list, ...files])
      area.current?.focus()
    },
    attach: (files) => void attach(files),
  }))

  useLayoutEffect(() => {
    const el = area.current
    if (!el) return
    el.style.height = 'auto'
    if (!tall) el.style.height = `${el.scrollHeight}px`
  }, [text, tall])

  useEffect(() => setHighlight(0), [completion?.query, completion?.trigger])

  const canSend = (text.trim() !== '' || attachments.length > 0) && uploading.length === 0

  async function send() {
    if (!canSend) return
    const scheduledAt = when === null ? null : 'in' in when ? Date.now() + when.in : when.at
    if (scheduledAt !== null && attachments.length > 0) return setError(t('schedule.noFiles'))
    const message = { text: text.trim(), attachments }
    setText('')
    setAttachments(() => [])
    setWhen(null)
    setTall(false)
    setError(null)
    setCompletion(null)
    await onSend(message.text, message.attachments, scheduledAt)
  }

  function accept(s: Suggestion) {
    if (!completion || !area.current) return
    const next = complete(text, area.current.selectionStart, completion, s.insert)
    if (completion.trigger === '$') rememberSkill(s.key)
    setText(next.text)
    setCompletion(null)
    requestAnimationFrame(() => area.current?.setSelectionRange(next.caret, next.caret))
  }

  function onKeyDown(e: KeyboardEvent<HTMLTextAreaElement>) {
    if (e.nativeEvent.isComposing) return
    if (open) {
      const move = { ArrowDown: 1, ArrowUp: -1 }[e.key]
      if (move) {
        e.preventDefault()
        setHighlight((current + move + suggestions.length) % suggestions.length)
        return
      }
      const chosen = suggestions[current]
      if ((e.key === 'Tab' || e.key === 'Enter') && !e.shiftKey && chosen) {
        e.preventDefault()
        accept(chosen)
        return
      }
    }
    if (e.key === 'Escape') {
      e.preventDefault()
      if (open) setCompletion(null)
      else if (thinking) onAbort()
      else setTall(false)
    } else if (e.key === 'Tab' && e.shiftKey && onNextMode) {
      e.preventDefault()
      onNextMode()
    } else if (e.key.toLowerCase() === 'm' && (e.metaKey || e.ctrlKey) && !e.shiftKey && onNextModel) {
      e.preventDefault()
      onNextModel()
    } else if (e.key === 'Enter') {
      const mod = e.metaKey || e.ctrlKey
      if (mod || (!e.shiftKey && !enterMakesNewline())) {
        e.preventDefault()
        void send()
      }
    }
  }

  const onPaste = (e: ClipboardEvent) => {
    const files = [...e.clipboardData.files]
    if (files.length === 0) return
    e.preventDefault()
    void attach(files)
  }
  const onDrop = (e: DragEvent) => {
    e.preventDefault()
    setDropping(false)
    void attach([...e.dataTransfer.files])
  }
  const look = () => {
    const el = area.current
    setCompletion(el ? completionAt(el.value, el.selectionStart) : null)
  }

  return (
    <div
      className={cx('relative rounded-l border bg-raised p-1 focus-within:border-ink-3', dropping ? 'border-accent ring-1 ring-accent' : 'border-line')}
      onDragOver={(e) => {
        if (!active || !e.dataTransfer.types.includes('Files')) return
        e.preventDefault()
        setDropping(true)
      }}
      onDragLeave={() => setDropping(false)}
      onDrop={onDrop}
    >
      {open ? (
        <ul id={listId} role="listbox" aria-label={t('composer.suggestions')} className="absolute inset-x-0 bottom-full z-20 mb-2 max-h-72 animate-in overflow-y-auto rounded-m border border-line bg-raised p-1 shadow-xl">
          {suggestions.map((s, i) => (
            <li
              key={s.key}
              id={`${listId}-${i}`}
              role="option"
              aria-selected={i === current}
              onPointerDown={(e) => {
                e.preventDefault()
                accept(s)
              }}
              onPointerMove={() => setHighlight(i)}
              className={cx('flex min-h-9 cursor-pointer items-center gap-3 rounded-s px-3 text-s touch:min-h-11', i === current && 'bg-sunken')}
            >
              <span className="max-w-[60%] shrink-0 truncate font-medium">{s.label}</span>
              <span className="truncate text-ink-2">{s.hint}</span>
            </li>
          ))}
        </ul>
      ) : null}
      {attachments.length > 0 || uploading.length > 0 ? (
        <ul className="flex flex-wrap gap-1.5 px-2 pt-1.5" aria-label={t('attach.list')}>
          {attachments.map((a) => (
            <li key={a.id} className="flex max-w-56 items-center gap-1.5 rounded-s border border-line bg-surface pl-1.5 text-s">
              {a.previewUrl ? <img src={a.previewUrl} alt="" className="size-7 rounded-[4px] object-cover" /> : <Paperclip aria-hidden className="size-3.5 text-ink-2" />}
              <span className="truncate">{a.filename}</span>
              <button
                type="button"
                aria-label={t('attach.remove', { name: a.filename })}
                className="grid size-8 place-items-center rounded-s text-ink-2 hover:text-ink"
                onClick={() => {
                  setAttachments((list) => list.filter((x) => x.id !== a.id))
                  void api.removeUpload(hub, sessionId, a.path).catch(() => {}) // it goes with the session anyway
                }}
              >
                <X className="size-3.5" />
              </button>
            </li>
          ))}
          {uploading.map((name) => (
            <li key={name} className="flex min-h-8 max-w-56 items-center gap-1.5 rounded-s border border-line px-2 text-s text-ink-2">
              <Spinner />
              <span className="truncate">{name}</span>
            </li>
          ))}
        </ul>
      ) : null}
      {when ? (
        <p className="flex items-center gap-1.5 px-3 pt-1.5 text-s text-ink-2">
          <Clock className="size-4" />
          <span className="flex-1">{'in' in when ? t('schedule.in', { time: took(when.in, t) }) : t('schedule.at', { time: dayAndTime(when.at, t) })}</span>
          <button type="button" aria-label={t('schedule.drop')} onClick={() => setWhen(null)} className="grid size-8 place-items-center">
            <X className="size-4" />
          </button>
        </p>
      ) : null}
      <textarea
        ref={area}
        rows={1}
        value={text}
        aria-label={t('composer.label')}
        aria-controls={open ? listId : undefined}
        aria-activedescendant={open ? `${listId}-${current}` : undefined}
        placeholder={placeholder}
        enterKeyHint={enterMakesNewline() ? 'enter' : 'send'}
        onChange={(e) => {
          setText(e.target.value)
          setCompletion(completionAt(e.target.value, e.target.selectionStart))
        }}
        onKeyDown={onKeyDown}
        onClick={look}
        onBlur={() => setCompletion(null)}
        onPaste={onPaste}
        className={cx('quiet-scroll block w-full resize-none bg-transparent px-3 py-2 text-m outline-none placeholder:text-ink-2', tall ? 'h-[50dvh]!' : 'max-h-[32dvh] min-h-10')}
      />
      {error ? (
        <p role="alert" className="flex items-center gap-2 px-3 pb-1 text-s text-bad">
          <span className="flex-1">{error}</span>
          <button type="button" aria-label={t('common.close')} onClick={() => setError(null)}>
            <X className="size-4" />
          </button>
        </p>
      ) : null}
      <div className="flex items-center">
        <Menu
          align="start"
          trigger={
            <IconButton label={t('composer.more')}>
              <Plus />
            </IconButton>
          }
        >
          <MenuItem icon={<FileUp />} disabled={!active} onSelect={() => picker.current?.click()}>
            {t('attach.file')}
          </MenuItem>
          <MenuItem icon={<Camera />} disabled={!active} onSelect={() => camera.current?.click()}>
            {t('attach.camera')}
          </MenuItem>
          <MenuItem icon={tall ? <Minimize2 /> : <Maximize2 />} onSelect={() => setTall(!tall)}>
            {t(tall ? 'composer.small' : 'composer.tall')}
          </MenuItem>
          <MenuLabel>{t('schedule.title')}</MenuLabel>
          {[5, 30, 60, 240].map((minutes) => (
            <MenuItem key={minutes} icon={<Clock />} onSelect={() => setWhen({ in: minutes * 60_000 })}>
              {t('schedule.in', { time: took(minutes * 60_000, t) })}
            </MenuItem>
          ))}
          <MenuItem icon={<Clock />} onSelect={() => setScheduling(true)}>
            {t('schedule.choose')}
          </MenuItem>
        </Menu>
        <div className="flex min-w-0 flex-1 items-center overflow-x-auto [scrollbar-width:none]">{controls}</div>
        {thinking ? (
          <button type="button" aria-label={t('composer.stop')} title={t('composer.stop')} onClick={onAbort} className="ml-1 grid size-10 shrink-0 place-items-center rounded-[12px] bg-ink text-surface hover:opacity-90 touch:size-11">
            <Square className="size-3.5 fill-current" />
          </button>
        ) : null}
        {canSend || !thinking ? (
          <button type="button" aria-label={t('composer.send')} title={t('composer.send')} disabled={!canSend} onClick={() => void send()} className="ml-1 grid size-10 shrink-0 place-items-center rounded-[12px] bg-accent text-accent-ink hover:brightness-105 disabled:bg-sunken disabled:text-ink-2 touch:size-11">
            <ArrowUp className="size-4.5" />
          </button>
        ) : null}
      </div>
      <input
        ref={picker}
        type="file"
        multiple
        hidden
        onChange={(e) => {
          void attach([...(e.target.files ?? [])])
          e.target.value = ''
        }}
      />
      <input
        ref={camera}
        type="file"
        accept="image/*"
        capture="environment"
        hidden
        onChange={(e) => {
          void attach([...(e.target.files ?? [])])
          e.target.value = ''
        }}
      />
      <ScheduleDialog open={scheduling} onClose={() => setScheduling(false)} onChoose={setWhen} />
    </div>
  )
}
