import { useNavigate, useParams } from '@tanstack/react-router'
import { useCallback, useState } from 'react'
import type { Metadata } from '@/api/types'
import { useT } from '@/i18n'
import { Terminal, type TerminalState } from '@/features/use-terminal/Terminal'
import { useSession } from '@/live/hooks'
import { titleOf } from '@/model/session'
import { Button } from '@/ui/Button'
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
  const [attempt, setAttempt] = useState(0)
  const onState = useCallback((next: TerminalState, words: string | null) => {
    setState(next)
    setMessage(words)
  }, [])
  const meta = session?.metadata as Metadata | null | undefined
  const back = () => void navigate({ to: '/sessions/$id', params: { id } })
  const possible = meta?.capabilities?.terminal !== false && session?.active === true
  return (
    <>
      <PageBar
        title={t('terminal.title')}
        line={
          session ? (
            <>
              <Dot tone={tones[state]} />
              <span className="truncate">
                {t(`terminal.${state}`)} · {titleOf({ ...session, metadata: meta ?? null })}
              </span>
            </>
          ) : null
        }
        back={back}
      />
      {session && !possible ? (
        <Notice title={t(session.active ? 'terminal.unsupported' : 'terminal.inactive')} action={<Button onClick={back}>{t('common.back')}</Button>} />
      ) : session ? (
        <>
          {state === 'ended' ? (
            <div role="status" className="flex min-h-11 items-center gap-3 border-b border-line bg-sunken px-4 text-s">
              <span className="min-w-0 flex-1">{message ?? t('terminal.over')}</span>
              <Button onClick={() => setAttempt(attempt + 1)}>{t('terminal.again')}</Button>
            </div>
          ) : null}
          <Terminal key={attempt} sessionId={id} touch={matchMedia('(pointer: coarse)').matches} onState={onState} />
        </>
      ) : null}
    </>
  )
}
