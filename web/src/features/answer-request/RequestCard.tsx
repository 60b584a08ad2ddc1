import { ChevronDown, CircleHelp, ClipboardList, Globe, Pencil, SquareTerminal, Wrench } from 'lucide-react'
import { Checkbox } from 'radix-ui'
import { useId, useMemo, useRef, useState, type KeyboardEvent, type ReactNode } from 'react'
import type { AgentRequest } from '@/api/types'
import { useT } from '@/i18n'
import { useNow } from '@/live/hooks'
import { countLines, diffTexts, parseUnified } from '@/model/diff'
import { clock } from '@/model/time'
import { editsOf, kindOf, pathOf, patchOf, planOf, questionsOf, type ToolKind } from '@/model/tools'
import { Button } from '@/ui/Button'
import { Counts, UnifiedDiff } from '@/ui/Diff'
import { TextArea } from '@/ui/Fields'
import { Markdown } from '@/ui/Markdown'
import { Menu, MenuChoices } from '@/ui/Menu'
import { cx } from '@/ui/cx'
import { allow, approvePlan, deny, scopesOf, type Answer, type Ask } from './decision'
import { exactly, headline } from './facts'
import { QuestionForm } from './QuestionForm'
import { useAnswer } from './useAnswer'

export interface RequestCardProps {
  sessionId: string
  requestId: string
  request: AgentRequest
  flavor: string | null | undefined
  /** "~/src/app on studio" */
  place: string
  /** The subagent that asks, if one does. */
  asker?: string
  since: number
}

const icons: Partial<Record<ToolKind, ReactNode>> = {
  command: <SquareTerminal />,
  edit: <Pencil />,
  web: <Globe />,
  plan: <ClipboardList />,
  question: <CircleHelp />,
}

/** What waits for the person: the facts a decision needs, and the decisions. */
export function RequestCard(props: RequestCardProps) {
  const { sessionId, requestId, request, since, asker } = props
  const t = useT()
  const title = useId()
  const kind = kindOf(request.tool)
  const { give, busy, error } = useAnswer(sessionId, requestId)
  const questions = useMemo(() => (kind === 'question' ? questionsOf(request.arguments) : []), [kind, request])
  const body = { ...props, give, busy }
  return (
    <section aria-labelledby={title} className="flex animate-in flex-col gap-2.5 rounded-[12px] border border-[color-mix(in_oklab,var(--waits)_45%,var(--line))] bg-waits-soft px-3.5 py-3">
      <header className="flex items-center gap-2 [&_svg]:size-4 [&_svg]:shrink-0">
        {icons[kind] ?? <Wrench />}
        <h3 id={title} className="min-w-0 flex-1 text-m font-semibold">
          {headline(request.tool, request.arguments, t)}
        </h3>
        <Waiting since={since} />
      </header>
      {asker ? <p className="text-s text-ink-2">{t('ask.by', { who: asker })}</p> : null}
      {kind === 'question' ? <QuestionForm {...body} questions={questions} /> : kind === 'plan' ? <PlanBody {...body} /> : <PermissionBody {...body} />}
      {error ? (
        <p role="alert" className="text-s text-bad">
          {t('ask.failed', { error })}
        </p>
      ) : null}
    </section>
  )
}

function Waiting({ since }: { since: number }) {
  const t = useT()
  const now = useNow(1000)
  return <small className="text-xs text-ink-2 num">{t('ask.waiting', { time: clock(now - since) })}</small>
}

interface BodyProps extends RequestCardProps {
  give(answer: Answer): Promise<boolean>
  busy: Answer['verb'] | null
}

function PermissionBody({ request, flavor, place, give, busy }: BodyProps) {
  const t = useT()
  const ask: Ask = useMemo(() => ({ flavor, tool: request.tool, input: request.arguments }), [flavor, request])
  const scopes = useMemo(() => scopesOf(ask), [ask])
  const [wide, setWide] = useState(false)
  const [scopeId, setScopeId] = useState(scopes.at(-1)?.id)
  const [refusing, setRefusing] = useState(false)
  const scope = scopes.find((s) => s.id === scopeId)
  const permit = () => void give(allow(ask, wide && scope ? scope : null))

  const onKey = (e: KeyboardEvent) => {
    if (e.target instanceof HTMLTextAreaElement || e.metaKey || e.ctrlKey || e.altKey) return
    const press = { y: permit, n: () => setRefusing(true), s: () => setWide(!wide) }[e.key.toLowerCase()]
    if (!press) return
    e.preventDefault()
    press()
  }

  if (refusing) return <Refusal ask={ask} give={give} busy={busy} onBack={() => setRefusing(false)} />
  return (
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- Y, N and S answer here
    <div role="group" aria-label={t('ask.keys')} tabIndex={0} onKeyDown={onKey} className="-m-1 flex flex-col gap-2.5 rounded-m p-1">
      <What request={request} />
      <p className="text-s text-ink-2">{t('ask.where', { place })}</p>
      {scope ? (
        <div className="flex min-h-6 flex-wrap items-center gap-x-2 gap-y-1 text-s text-ink-2">
          <label className="flex items-center gap-2 touch:min-h-9">
            <Checkbox.Root checked={wide} onCheckedChange={(on) => setWide(on === true)} className="grid size-4 shrink-0 place-items-center rounded-[4px] border-[1.5px] border-ink-3 bg-raised data-[state=checked]:border-accent data-[state=checked]:bg-accent touch:size-5">
              <Checkbox.Indicator className="h-2.5 w-1.5 -translate-y-px rotate-45 border-r-2 border-b-2 border-accent-ink" />
            </Checkbox.Root>
            {scope.id === 'edits' ? t('scope.edits') : scope.rule ? t('scope.also') : t('scope.session')}
          </label>
          {scope.rule ? (
            <>
              {scopes.length > 1 ? (
                <Menu
                  align="start"
                  trigger={
                    <button type="button" className="flex max-w-full min-w-0 items-center gap-1 rounded-s px-1 text-ink hover:bg-raised">
                      <code className="truncate">{scope.rule}</code>
                      <ChevronDown className="size-3.5 shrink-0" />
                    </button>
                  }
                >
                  <MenuChoices value={scope.id} onChange={(id) => setScopeId(scopes.find((s) => s.id === id)?.id)} choices={scopes.map((s) => ({ value: s.id, label: s.rule, hint: t(s.id === 'prefix' ? 'scope.prefix' : 'scope.exact') }))} />
                </Menu>
              ) : (
                <code className="min-w-0 truncate text-ink">{scope.rule}</code>
              )}
              <span>{t('scope.inSession')}</span>
            </>
          ) : null}
        </div>
      ) : null}
      <div className="flex gap-2">
        <Button grow shortcut="N" onClick={() => setRefusing(true)} disabled={busy !== null}>
          {t('ask.denyMore')}
        </Button>
        <Button grow look="primary" shortcut="Y" busy={busy === 'approve'} disabled={busy !== null} onClick={permit}>
          {t('ask.allow')}
        </Button>
      </div>
    </div>
  )
}

function What({ request }: { request: AgentRequest }) {
  const input = request.arguments
  const kind = kindOf(request.tool)
  const edits = useMemo(() => (kind === 'edit' ? editsOf(request.tool, input) : []), [kind, request, input])
  const patch = useMemo(() => (kind === 'edit' ? patchOf(input) : null), [kind, input])
  if (edits.length > 0 || patch) {
    const files = patch ? parseUnified(patch).map((f) => ({ path: f.path, hunks: f.hunks })) : edits.map((e) => ({ path: e.path, hunks: diffTexts(e.before, e.after) }))
    return (
      <div className="max-h-[46vh] overflow-y-auto rounded-s border border-line bg-raised">
        {files.map((f, i) => (
          <div key={i}>
            <p className="flex items-center gap-2 border-b border-line px-2.5 py-1.5 text-s">
              <span className="min-w-0 flex-1 truncate">{f.path || pathOf(input)}</span>
              <Counts {...countLines(f.hunks)} />
            </p>
            <UnifiedDiff hunks={f.hunks} numbered={patch !== null} />
          </div>
        ))}
      </div>
    )
  }
  const words = exactly(request.tool, input)
  return words ? (
    <pre tabIndex={0} className="quiet-scroll max-h-[32vh] overflow-auto rounded-s border border-line bg-raised px-2.5 py-2 [overflow-wrap:anywhere] whitespace-pre-wrap">
      {words}
    </pre>
  ) : null
}

/** No, and if the person likes: why, and whether to go on. */
function Refusal({ ask, give, busy, onBack }: { ask: Ask; give(answer: Answer): Promise<boolean>; busy: Answer['verb'] | null; onBack(): void }) {
  const t = useT()
  const [reason, setReason] = useState('')
  const area = useRef<HTMLTextAreaElement>(null)
  return (
    <div
      className="flex flex-col gap-2.5"
      onKeyDown={(e) => {
        if (e.key === 'Escape') onBack()
        if (e.key === 'Enter' && (e.metaKey || e.ctrlKey)) void give(deny(ask, reason))
      }}
    >
      <TextArea ref={area} autoFocus rows={2} value={reason} onChange={(e) => setReason(e.target.value)} aria-label={t('deny.reason')} placeholder={t('deny.reason')} />
      <div className="flex flex-wrap gap-2">
        <Button look="quiet" onClick={onBack} disabled={busy !== null} className="px-3!">
          {t('common.back')}
        </Button>
        <Button grow look="danger" onClick={() => void give(deny(ask, reason, true))} disabled={busy !== null}>
          {t('deny.stop')}
        </Button>
        <Button grow look="primary" busy={busy === 'deny'} disabled={busy !== null} onClick={() => void give(deny(ask, reason))}>
          {reason.trim() ? t('deny.tell') : t('ask.deny')}
        </Button>
      </div>
    </div>
  )
}

function PlanBody({ request, flavor, give, busy }: BodyProps) {
  const t = useT()
  const [note, setNote] = useState<string | null>(null)
  const [open, setOpen] = useState(false)
  const plan = planOf(request.arguments)
  const ask: Ask = { flavor, tool: request.tool, input: request.arguments }
  const claude = (flavor ?? 'claude') === 'claude'
  return (
    <>
      <div className="relative rounded-s border border-line bg-raised">
        <div className={cx('quiet-scroll overflow-y-auto px-3.5 py-3', open ? '' : 'max-h-[60vh]')}>
          <Markdown text={plan} />
        </div>
        {plan.length > 1500 && !open ? (
          <button type="button" className="w-full border-t border-line py-1.5 text-s text-ink-2 hover:text-ink" onClick={() => setOpen(true)}>
            {t('plan.expand')}
          </button>
        ) : null}
      </div>
      {note !== null ? (
        <>
          <TextArea autoFocus rows={3} value={note} onChange={(e) => setNote(e.target.value)} aria-label={t('plan.note')} placeholder={t('plan.note')} />
          <div className="flex gap-2">
            <Button look="quiet" onClick={() => setNote(null)}>
              {t('common.back')}
            </Button>
            <Button grow look="primary" busy={busy === 'deny'} disabled={busy !== null} onClick={() => void give(deny(ask, note))}>
              {t('plan.keep')}
            </Button>
          </div>
        </>
      ) : (
        <div className="flex flex-wrap gap-2">
          <Button grow onClick={() => setNote('')} disabled={busy !== null}>
            {t('plan.keepMore')}
          </Button>
          {claude ? (
            <Button grow onClick={() => void give(approvePlan('default'))} disabled={busy !== null}>
              {t('plan.approveAsk')}
            </Button>
          ) : null}
          <Button grow look="primary" busy={busy === 'approve'} disabled={busy !== null} onClick={() => void give(approvePlan(claude ? 'acceptEdits' : null))}>
            {t(claude ? 'plan.approveEdits' : 'plan.approve')}
          </Button>
        </div>
      )}
    </>
  )
}
