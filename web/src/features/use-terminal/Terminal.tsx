import '@xterm/xterm/css/xterm.css'
import { FitAddon } from '@xterm/addon-fit'
import { WebLinksAddon } from '@xterm/addon-web-links'
import { Terminal as XTerm } from '@xterm/xterm'
import { useEffect, useRef, useState } from 'react'
import { io, type Socket } from 'socket.io-client'
import { useT } from '@/i18n'
import { useLive } from '@/live/hooks'
import { newId } from '@/model/id'
import { hexOf } from '@/ui/colour'
import { cx } from '@/ui/cx'
import { Keys } from './Keys'
import { withModifiers, type Modifiers } from './input'

export type TerminalState = 'connecting' | 'ready' | 'lost' | 'ended'

interface Props {
  sessionId: string
  touch: boolean
  onState(state: TerminalState, message: string | null): void
}

const fontKey = 'hapi-terminal-font-size'

const theme = () => ({ background: hexOf('--raised'), foreground: hexOf('--ink'), cursor: hexOf('--accent'), selectionBackground: hexOf('--line'), red: hexOf('--bad'), green: hexOf('--good'), yellow: hexOf('--code-3'), blue: hexOf('--works'), magenta: hexOf('--code-1'), cyan: hexOf('--code-4'), black: hexOf('--ink-2'), white: hexOf('--ink') })

/** A shell on the session's machine. */
export function Terminal({ sessionId, touch, onState }: Props) {
  const t = useT()
  const { hub } = useLive()
  const box = useRef<HTMLDivElement>(null)
  const socket = useRef<Socket | null>(null)
  const xterm = useRef<XTerm | null>(null)
  const [modifiers, setModifiers] = useState<Modifiers>({ ctrl: false, alt: false })
  const held = useRef(modifiers)
  held.current = modifiers // oxlint-disable-line react/refs -- the key handler outlives the render
  const id = useRef(`term-${sessionId}-${newId().slice(0, 8)}`)

  const write = useRef((data: string) => {
    socket.current?.emit('terminal:write', { terminalId: id.current, data: withModifiers(data, held.current) })
    setModifiers({ ctrl: false, alt: false })
  })

  useEffect(() => {
    if (!box.current) return
    const term = new XTerm({ fontFamily: getComputedStyle(document.documentElement).getPropertyValue('--font-mono') || 'monospace', fontSize: Number(localStorage.getItem(fontKey)) || 13, theme: theme(), cursorBlink: false, scrollback: 5000, screenReaderMode: true })
    const fit = new FitAddon()
    term.loadAddon(fit)
    term.loadAddon(new WebLinksAddon())
    term.open(box.current)
    fit.fit()
    xterm.current = term
    const terminalId = id.current
    let here = true
    const s = io(`${hub.base}/terminal`, { path: '/socket.io/', transports: ['polling', 'websocket'], auth: (give) => void hub.token().then((token) => give({ token })), reconnectionDelay: 1000, reconnectionDelayMax: 5000 })
    socket.current = s
    const create = () => s.emit('terminal:create', { sessionId, terminalId, cols: term.cols, rows: term.rows })
    s.on('connect', create)
    s.on('disconnect', () => here && onState('lost', null))
    s.on('connect_error', (e: Error) => here && onState('lost', e.message))
    s.on('terminal:ready', () => {
      onState('ready', null)
      if (!touch) term.focus()
    })
    s.on('terminal:output', (e: { terminalId: string; data: string }) => e.terminalId === terminalId && term.write(e.data))
    s.on('terminal:exit', (e: { terminalId: string; code: number | null }) => e.terminalId === terminalId && onState('ended', null))
    s.on('terminal:error', (e: { terminalId?: string; message: string }) => (e.terminalId === undefined || e.terminalId === terminalId) && onState('ended', e.message))
    const input = term.onData((data) => write.current(data))
    const resized = term.onResize(({ cols, rows }) => s.emit('terminal:resize', { terminalId, cols, rows }))
    const observer = new ResizeObserver(() => fit.fit())
    observer.observe(box.current)
    const themes = new MutationObserver(() => (term.options.theme = theme()))
    themes.observe(document.documentElement, { attributeFilter: ['data-theme'] })
    onState('connecting', null)
    return () => {
      here = false
      s.emit('terminal:close', { terminalId })
      s.disconnect()
      input.dispose()
      resized.dispose()
      observer.disconnect()
      themes.disconnect()
      term.dispose()
    }
  }, [hub, sessionId, touch, onState])

  return (
    <>
      <div className="min-h-0 flex-1 bg-raised p-2">
        <div ref={box} role="group" aria-label={t('terminal.title')} className="h-full" />
      </div>
      <Keys
        className={cx(!touch && 'max-wide:flex')}
        modifiers={modifiers}
        onModifiers={setModifiers}
        onKey={(data) => {
          write.current(data)
          xterm.current?.focus()
        }}
      />
    </>
  )
}
