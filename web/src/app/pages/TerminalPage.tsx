import { useNavigate, useParams } from '@tanstack/react-router'
import { Layers } from 'lucide-react'
import { useCallback, useState } from 'react'
import type { Metadata } from '@/api/types'
import { useT } from '@/i18n'
import { ShellList } from '@/features/use-terminal/ShellList'
import { Terminal, type TerminalState } from '@/features/use-terminal/Terminal'
import { useShells } from '@/features/use-terminal/useShells'
import { useSession } from '@/live/hooks'
import { titleOf } from '@/model/session'
import { Button, IconButton } from '@/ui/Button'
import { Dot, type Tone } from '@/ui/Dot'
import { Notice } from '@/ui/States'
import { PageBar } from '../PageBar'

const tones: Record<TerminalState, Tone> = { connecting: 'idle', ready: 'good', lost: 'bad', ended: 'idle' }

export function TerminalPage() {
  const t = useT()
  const navigate = useNavigate()
  const { id } = useParams({ from: '/shell/sessions/$id/terminal' })
  const { data: session } = useSession(id)
  const [state, setState] = useState<TerminalState>('connecting')
  const [message, setMessage] = useState<string | null>(null)
  const onState = useCallback((next: TerminalState, words: string | null) => {
    setState(next)
    setMessage(words)
  }, [])
  const meta = session?.metadata as Metadata | null | undefined
  const back = () => void navigate({ to: '/sessions/$id', params: { id } })
  const possible = meta?.capabilities?.terminal !== false && session?.active === true
  const shells = useShells(id, possible)
  const { place } = shells
  const inShell = place.at === 'shell'
  const now: TerminalState = inShell ? state : shells.line === 'online' ? 'ready' : shells.line
  const words = !inShell && now === 'ready' && shells.list ? t.count('terminal.open', shells.list.length) : t(`terminal.${now}`)
  return (
    <>
      <PageBar
        title={t('terminal.title')}
        line={
          session && possible ? (
            <>
              <Dot tone={tones[now]} />
              <span className="truncate">
                {words} · {titleOf({ ...session, metadata: meta ?? null })}
              </span>
            </>
          ) : null
        }
        back={back}
      >
        {possible && inShell ? (
          <IconButton label={t('terminal.others')} onClick={shells.leave}>
            <Layers />
          </IconButton>
        ) : null}
      </PageBar>
      {session && !possible ? (
        <Notice title={t(session.active ? 'terminal.unsupported' : 'terminal.inactive')} action={<Button onClick={back}>{t('common.back')}</Button>} />
      ) : session && inShell && shells.socket ? (
        <>
          {state === 'ended' ? (
            <div role="status" className="flex min-h-11 items-center gap-3 border-b border-line bg-sunken px-4 text-s">
              <span className="min-w-0 flex-1">{message ?? t('terminal.over')}</span>
              <Button onClick={shells.open}>{t('terminal.again')}</Button>
            </div>
          ) : null}
          <Terminal key={place.id} socket={shells.socket} sessionId={id} id={place.id} join={place.join} touch={matchMedia('(pointer: coarse)').matches} onState={onState} onGone={shells.failed} />
        </>
      ) : session ? (
        <ShellList
          shells={shells.list}
          offline={shells.line === 'lost'}
          problem={place.at === 'list' ? (place.closed ? t('terminal.gone') : place.words) : null}
          onJoin={shells.join}
          onNew={shells.open}
        />
      ) : null}
    </>
  )
}
