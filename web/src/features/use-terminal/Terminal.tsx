import '@xterm/xterm/css/xterm.css'
import { FitAddon } from '@xterm/addon-fit'
import { WebLinksAddon } from '@xterm/addon-web-links'
import { Terminal as XTerm } from '@xterm/xterm'
import { useCallback, useEffect, useRef, useState } from 'react'
import type { Socket } from 'socket.io-client'
import { useT } from '@/i18n'
import { hexOf } from '@/ui/colour'
import { cx } from '@/ui/cx'
import { CommandLine } from './CommandLine'
import { Keys } from './Keys'
import { asCommand, withModifiers, type Modifiers } from './input'

export type TerminalState = 'connecting' | 'ready' | 'lost' | 'ended'

interface Props {
  socket: Socket
  sessionId: string
  /** Which shell; it is opened if it is none yet. */
  id: string
  /** It is another's: if it is not open any more, none is opened in its place. */
  join: boolean
  touch: boolean
  onState(state: TerminalState, message: string | null): void
  /** It could not be joined. */
  onGone(message: string): void
}

const fontKey = 'hapi-terminal-font-size'
const commandsKey = 'hapi-terminal-commands'

const theme = () => ({ background: hexOf('--raised'), foreground: hexOf('--ink'), cursor: hexOf('--accent'), selectionBackground: hexOf('--line'), red: hexOf('--bad'), green: hexOf('--good'), yellow: hexOf('--code-3'), blue: hexOf('--works'), magenta: hexOf('--code-1'), cyan: hexOf('--code-4'), black: hexOf('--ink-2'), white: hexOf('--ink') })

/** A shell on the session's machine. */
export function Terminal({ socket, sessionId, id, join, touch, onState, onGone }: Props) {
  const t = useT()
  const box = useRef<HTMLDivElement>(null)
  const xterm = useRef<XTerm | null>(null)
  const [modifiers, setModifiers] = useState<Modifiers>({ ctrl: false, alt: false })
  const [commands, setCommands] = useState(() => touch && localStorage.getItem(commandsKey) === '1')
  const held = useRef(modifiers)
  held.current = modifiers // oxlint-disable-line react/refs -- the key handler outlives the render

  const write = useCallback(
    (data: string) => {
      socket.emit('terminal:write', { terminalId: id, data: withModifiers(data, held.current) })
      setModifiers({ ctrl: false, alt: false })
    },
    [socket, id],
  )

  useEffect(() => {
    if (!box.current) return
    const term = new XTerm({ fontFamily: getComputedStyle(document.documentElement).getPropertyValue('--font-mono') || 'monospace', fontSize: Number(localStorage.getItem(fontKey)) || 13, theme: theme(), cursorBlink: false, scrollback: 5000, screenReaderMode: true })
    const fit = new FitAddon()
    term.loadAddon(fit)
    term.loadAddon(new WebLinksAddon())
    term.open(box.current)
    fit.fit()
    xterm.current = term
    // Once it was there it is ours as well: a hub that was restarted may not know it yet.
    let joining = join
    const create = () => socket.emit('terminal:create', { sessionId, terminalId: id, cols: term.cols, rows: term.rows, join: joining })
    const heard = {
      connect: create,
      disconnect: () => onState('lost', null),
      connect_error: (e: Error) => onState('lost', e.message),
      'terminal:ready': (e: { terminalId: string }) => {
        if (e.terminalId !== id) return
        joining = false
        onState('ready', null)
        if (!touch) term.focus()
      },
      'terminal:output': (e: { sessionId?: string; terminalId: string; data: string }) => {
        if (e.terminalId !== id) return
        if (e.sessionId === undefined) term.reset() // all of it once more, after a reconnect: not below what is there
        term.write(e.data)
      },
      'terminal:exit': (e: { terminalId: string }) => e.terminalId === id && onState('ended', null),
      'terminal:error': (e: { terminalId?: string; message: string }) => {
        if (e.terminalId !== undefined && e.terminalId !== id) return
        if (joining) onGone(e.message)
        else onState('ended', e.message)
      },
    }
    for (const [event, hear] of Object.entries(heard)) socket.on(event, hear)
    const input = term.onData(write)
    const resized = term.onResize(({ cols, rows }) => socket.emit('terminal:resize', { terminalId: id, cols, rows }))
    const observer = new ResizeObserver(() => fit.fit())
    observer.observe(box.current)
    const themes = new MutationObserver(() => (term.options.theme = theme()))
    themes.observe(document.documentElement, { attributeFilter: ['data-theme'] })
    onState('connecting', null)
    if (socket.connected) create()
    return () => {
      for (const [event, hear] of Object.entries(heard)) socket.off(event, hear)
      input.dispose()
      resized.dispose()
      observer.disconnect()
      themes.disconnect()
      term.dispose()
    }
  }, [socket, sessionId, id, join, touch, onState, onGone, write])

  return (
    <>
      <div className="min-h-0 flex-1 bg-raised p-2">
        <div ref={box} role="group" aria-label={t('terminal.title')} className="h-full" />
      </div>
      {commands ? <CommandLine onCommand={(text) => write(asCommand(text))} /> : null}
      <Keys
        className={cx(!touch && 'max-wide:flex')}
        commands={touch ? commands : null}
        onCommands={(on) => {
          setCommands(on)
          localStorage.setItem(commandsKey, on ? '1' : '0')
        }}
        modifiers={modifiers}
        onModifiers={setModifiers}
        onKey={(data) => {
          write(data)
          if (!commands) xterm.current?.focus()
        }}
      />
    </>
  )
}
