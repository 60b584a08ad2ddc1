import { Bot, ChevronRight, CircleAlert, FileText, Globe, ListTodo, Pencil, Search, SquareTerminal, Wrench } from 'lucide-react'
import { useMemo, type ReactNode } from 'react'
import type { CompletedRequest } from '@/api/types'
import { useT, type Translate } from '@/i18n'
import { useNow } from '@/live/hooks'
import { countLines, diffTexts, parseUnified, type Hunk } from '@/model/diff'
import type { PlanStep } from '@/model/decode'
import { clock, took } from '@/model/time'
import { commandOf, commandOutput, editsOf, imagesOf, kindOf, pathOf, patchOf, planOf, questionsOf, resultText, subjectOf, todosOf, toolLabel, type ToolKind } from '@/model/tools'
import { Counts, UnifiedDiff } from '@/ui/Diff'
import { CodeBlock } from '@/ui/Code'
import { languageOf } from '@/ui/highlight'
import { Markdown } from '@/ui/Markdown'
import { Pictures } from '@/ui/Picture'
import { Spinner } from '@/ui/Spinner'
import { TerminalText } from '@/ui/TerminalText'
import { cx } from '@/ui/cx'
import type { Block, Tool } from './blocks'
import { relative, useOpen, useReading } from './context'
import { Todos } from './Todos'

const icons: Record<ToolKind, ReactNode> = {
  read: <FileText />,
  search: <Search />,
  command: <SquareTerminal />,
  edit: <Pencil />,
  web: <Globe />,
  todo: <ListTodo />,
  agent: <Bot />,
  plan: <ListTodo />,
  question: <CircleAlert />,
  other: <Wrench />,
}

/** One tool call: a line when it is dull, its substance when it matters. */
export function ToolView({ tool, children = [], renderBlock }: { tool: Tool; children?: Block[]; renderBlock(block: Block): ReactNode }) {
  const { renderRequest } = useReading()
  if (tool.permission?.status === 'pending') return renderRequest(tool)
  const kind = kindOf(tool.name)
  switch (kind) {
    case 'command':
      return <CommandCard tool={tool} />
    case 'edit':
      return <EditCard tool={tool} />
    case 'todo':
      return <TodoCard tool={tool} />
    case 'agent':
      return <AgentCard tool={tool} blocks={children} renderBlock={renderBlock} />
    case 'plan':
      return <PlanCard tool={tool} />
    case 'question':
      return <AnsweredCard tool={tool} />
    default:
      return <ToolLine tool={tool} kind={kind} />
  }
}

function Elapsed({ tool }: { tool: Tool }) {
  const t = useT()
  const running = tool.state === 'running'
  const now = useNow(1000, running)
  if (running) return <span className="text-xs text-ink-2 num">{now - tool.startedAt > 1500 ? clock(now - tool.startedAt) : ''}</span>
  const ms = tool.endedAt === null ? 0 : tool.endedAt - tool.startedAt
  return ms >= 100 ? <span className="text-xs text-ink-2 num">{took(ms, t)}</span> : null
}

function StateMark({ tool }: { tool: Tool }) {
  const t = useT()
  if (tool.state === 'running') return <Spinner className="text-works" />
  if (tool.permission?.status === 'denied' || tool.permission?.status === 'canceled') return <span className="text-xs text-ink-2">{t(tool.permission.status === 'denied' ? 'tool.denied' : 'tool.canceled')}</span>
  return tool.state === 'error' ? <span className="text-xs font-medium text-bad">{t('tool.failed')}</span> : null
}

function Denial({ tool }: { tool: Tool }) {
  const t = useT()
  return tool.permission?.reason && tool.permission.status !== 'approved' ? <p className="border-t border-line px-3 py-1.5 text-s text-ink-2">{t('tool.because', { reason: tool.permission.reason })}</p> : null
}

interface HeadProps {
  id: string
  icon: ReactNode
  open: boolean
  onToggle(): void
  children: ReactNode
  aside?: ReactNode
  boxed?: boolean
}

function Head({ id, icon, open, onToggle, children, aside, boxed }: HeadProps) {
  return (
    <button
      type="button"
      aria-expanded={open}
      aria-controls={`${id}-body`}
      onClick={onToggle}
      className={cx('flex w-full items-center gap-2 text-left text-s text-ink-2 [&_svg]:size-4 [&_svg]:shrink-0', boxed ? 'min-h-9 px-3 py-1.5 hover:bg-sunken/60' : '-mx-1 min-h-7 rounded-s px-1 hover:bg-sunken/60 touch:min-h-9')}
    >
      {icon}
      <span className="min-w-0 flex-1 truncate">{children}</span>
      {aside}
      <ChevronRight className={cx('transition-transform duration-150', open && 'rotate-90')} />
    </button>
  )
}

function Card({ children, label }: { children: ReactNode; label?: string }) {
  return (
    <div role="group" aria-label={label} className="overflow-hidden rounded-m border border-line bg-raised">
      {children}
    </div>
  )
}

const verb = (tool: Tool, t: Translate) => {
  switch (kindOf(tool.name)) {
    case 'read':
      return t('tool.read')
    case 'search':
      return t('tool.search')
    case 'web':
      return /search/i.test(tool.name) ? t('tool.webSearch') : t('tool.web')
    default:
      return toolLabel(tool.name)
  }
}

function ToolLine({ tool, kind }: { tool: Tool; kind: ToolKind }) {
  const t = useT()
  const { cwd } = useReading()
  const [open, setOpen] = useOpen(tool.id, false)
  const path = kind === 'read' ? pathOf(tool.input) : null
  const images = useMemo(() => imagesOf(tool.result), [tool.result])
  return (
    <div>
      <Head
        id={tool.id}
        icon={icons[kind]}
        open={open}
        onToggle={() => setOpen(!open)}
        aside={
          <>
            <StateMark tool={tool} />
            <Elapsed tool={tool} />
          </>
        }
      >
        <b className="font-medium text-ink">{verb(tool, t)}</b> <span className={kind === 'search' ? 'font-mono text-[0.78125rem]' : ''}>{path ? relative(path, cwd) : subjectOf(tool.name, tool.input, tool.description ?? undefined)}</span>
      </Head>
      <Images images={images} />
      {open ? <Details tool={tool} /> : null}
    </div>
  )
}

function Images({ images }: { images: string[] }) {
  const t = useT()
  return images.length > 0 ? (
    <div className="mt-1.5 flex flex-wrap gap-2">
      <Pictures pictures={images.map((src) => ({ src, name: t('tool.image') }))} />
    </div>
  ) : null
}

/** Everything a call was given and gave, for those who want to know. */
export function Details({ tool }: { tool: Tool }) {
  const t = useT()
  const { openFile, cwd } = useReading()
  const kind = kindOf(tool.name)
  const path = pathOf(tool.input)
  const text = resultText(tool.result)
  return (
    <div id={`${tool.id}-body`} className="mt-1 ml-6 flex flex-col gap-2">
      {kind === 'read' || kind === 'search' ? null : <CodeBlock code={JSON.stringify(tool.input, null, 2) ?? ''} language="json" />}
      {text.trim() === '' || imagesOf(tool.result).length > 0 ? tool.state === 'running' ? null : <p className="text-s text-ink-2">{t('tool.noOutput')}</p> : kind === 'web' ? <Markdown text={text} /> : <CodeBlock code={kind === 'read' ? stripNumbers(text) : text} language={kind === 'read' && path ? languageOf(path) : text.trimStart().startsWith('{') ? 'json' : null} />}
      {path && (kind === 'read' || kind === 'edit') ? (
        <button type="button" className="self-start text-s text-accent underline-offset-2 hover:underline" onClick={() => openFile(relative(path, cwd))}>
          {t('tool.openFile')}
        </button>
      ) : null}
    </div>
  )
}

const stripNumbers = (text: string) => (/^\s*\d+[→\t]/.test(text) ? text.replaceAll(/^\s*\d+[→\t]/gm, '') : text)

/** Reads and searches in a row, as one line. */
export function ToolGroup({ id, tools }: { id: string; tools: Tool[] }) {
  const t = useT()
  const [open, setOpen] = useOpen(id, false)
  const reads = tools.filter((x) => kindOf(x.name) === 'read')
  const searches = tools.filter((x) => kindOf(x.name) === 'search')
  const webs = tools.filter((x) => kindOf(x.name) === 'web')
  const running = tools.some((x) => x.state === 'running')
  const first = tools[0]
  const ended = tools.reduce((m, x) => Math.max(m, x.endedAt ?? 0), 0)
  const parts: ReactNode[] = []
  if (reads.length > 0) parts.push(<b key="r" className="font-medium text-ink">{t.count('tools.read', reads.length)}</b>)
  if (searches.length === 1 && searches[0]) parts.push(<span key="s">{t('tools.searchedFor')} <code>{subjectOf(searches[0].name, searches[0].input)}</code></span>)
  else if (searches.length > 1) parts.push(<span key="s">{t.count('tools.searched', searches.length)}</span>)
  if (webs.length > 0) parts.push(<span key="w">{t.count('tools.web', webs.length)}</span>)
  return (
    <div>
      <Head
        id={id}
        icon={reads.length > 0 ? <FileText /> : webs.length > 0 ? <Globe /> : <Search />}
        open={open}
        onToggle={() => setOpen(!open)}
        aside={running ? <Spinner className="text-works" /> : first && ended - first.startedAt >= 100 ? <span className="text-xs text-ink-2 num">{took(ended - first.startedAt, t)}</span> : null}
      >
        {parts.map((p, i) => (
          <span key={i}>
            {i > 0 ? t('common.comma') : ''}
            {p}
          </span>
        ))}
      </Head>
      {open ? (
        <div id={`${id}-body`} className="mt-1 ml-6 flex flex-col gap-1">
          {tools.map((x) => (
            <ToolLine key={x.id} tool={x} kind={kindOf(x.name)} />
          ))}
        </div>
      ) : null}
    </div>
  )
}

function CommandCard({ tool }: { tool: Tool }) {
  const t = useT()
  const output = useMemo(() => commandOutput(tool.result ?? tool.progress), [tool.result, tool.progress])
  const empty = output.out.trim() === '' && output.err.trim() === ''
  const [open, setOpen] = useOpen(tool.id, true)
  const command = commandOf(tool.input) ?? tool.description ?? toolLabel(tool.name)
  const long = command.includes('\n') || command.length > 90
  return (
    <Card label={t('tool.command')}>
      <Head
        id={tool.id}
        boxed
        icon={icons.command}
        open={open}
        onToggle={() => setOpen(!open)}
        aside={
          <>
            {output.exitCode ? <span className="text-xs font-medium text-bad num">{t('tool.exit', { code: output.exitCode })}</span> : <StateMark tool={tool} />}
            <Elapsed tool={tool} />
          </>
        }
      >
        <code className="text-ink">{command.split('\n')[0]}</code>
      </Head>
      {open && (!empty || long) ? (
        <div id={`${tool.id}-body`} className="border-t border-line">
          {long ? <pre className="border-b border-line px-3 py-2 whitespace-pre-wrap text-ink-2 last:border-0">{command}</pre> : null}
          {output.out.trim() ? <TerminalText text={output.out} /> : null}
          {output.err.trim() ? <TerminalText text={output.err} bad={tool.state === 'error'} /> : null}
        </div>
      ) : null}
      <Denial tool={tool} />
    </Card>
  )
}

const foldedDiff = 24

function EditCard({ tool }: { tool: Tool }) {
  const t = useT()
  const { cwd, openFile } = useReading()
  const files = useMemo(() => filesOf(tool), [tool.input, tool.name, tool.result]) // oxlint-disable-line react-hooks/exhaustive-deps -- the parts of tool that matter
  const total = files.reduce((n, f) => n + f.hunks.reduce((m, h) => m + h.lines.length, 0), 0)
  const [open, setOpen] = useOpen(tool.id, true)
  const [all, setAll] = useOpen(`${tool.id}:all`, total <= foldedDiff)
  if (files.length === 0) return <ToolLine tool={tool} kind="edit" />
  return (
    <Card label={t('tool.edit')}>
      {files.map((f, i) => (
        <div key={i}>
          <div className="flex items-center">
            <div className="min-w-0 flex-1">
              <Head
                id={tool.id}
                boxed
                icon={icons.edit}
                open={open}
                onToggle={() => setOpen(!open)}
                aside={
                  <>
                    <StateMark tool={tool} />
                    <Counts {...countLines(f.hunks)} />
                  </>
                }
              >
                <span className="font-medium text-ink">{relative(f.path, cwd)}</span>
              </Head>
            </div>
          </div>
          {open ? (
            <div id={`${tool.id}-body`} className="border-t border-line">
              <UnifiedDiff hunks={all ? f.hunks : head(f.hunks, foldedDiff)} numbered={f.numbered} />
            </div>
          ) : null}
        </div>
      ))}
      {open && !all ? (
        <div className="flex border-t border-line text-s text-ink-2">
          <button type="button" className="flex-1 py-1.5 hover:bg-sunken hover:text-ink" onClick={() => setAll(true)}>
            {t.count('diff.showAll', total)}
          </button>
          {files[0]?.path ? (
            <button type="button" className="flex-1 border-l border-line py-1.5 hover:bg-sunken hover:text-ink" onClick={() => openFile(relative(files[0]?.path ?? '', cwd))}>
              {t('tool.openFile')}
            </button>
          ) : null}
        </div>
      ) : null}
      {tool.state === 'error' && tool.permission?.status !== 'denied' && resultText(tool.result).trim() ? <TerminalText text={resultText(tool.result)} bad /> : null}
      <Denial tool={tool} />
    </Card>
  )
}

interface FileChange {
  path: string
  hunks: Hunk[]
  /** Whether line numbers are those of the file. */
  numbered: boolean
}

interface StructuredHunk {
  oldStart: number
  newStart: number
  lines: string[]
}

/** The change as the result tells it, with true line numbers, or as the call asked for it. */
export function filesOf(tool: Tool): FileChange[] {
  const result = tool.result as { structuredPatch?: unknown; filePath?: unknown } | null | undefined
  const structured = Array.isArray(result?.structuredPatch) ? (result.structuredPatch as StructuredHunk[]) : []
  if (structured.length > 0 && structured.every((h) => Array.isArray(h.lines))) {
    const text = structured.map((h) => `@@ -${h.oldStart} +${h.newStart} @@\n${h.lines.filter((l) => !l.startsWith('\\')).join('\n')}`).join('\n')
    const [file] = parseUnified(`--- a/x\n+++ b/x\n${text}`)
    if (file) return [{ path: typeof result?.filePath === 'string' ? result.filePath : (pathOf(tool.input) ?? ''), hunks: file.hunks, numbered: true }]
  }
  const patch = patchOf(tool.input)
  if (patch) return parseUnified(patch).map((f) => ({ path: f.path || (pathOf(tool.input) ?? ''), hunks: f.hunks, numbered: true }))
  const byPath = new Map<string, Hunk[]>()
  const edits = editsOf(tool.name, tool.input)
  for (const e of edits) byPath.set(e.path, [...(byPath.get(e.path) ?? []), ...diffTexts(e.before, e.after)])
  const whole = kindOf(tool.name) === 'edit' && edits.length === 1 && edits[0]?.before === ''
  return [...byPath].map(([path, hunks]) => ({ path, hunks, numbered: whole }))
}

function head(hunks: readonly Hunk[], lines: number): Hunk[] {
  const out: Hunk[] = []
  let left = lines
  for (const h of hunks) {
    if (left <= 0) break
    out.push({ ...h, lines: h.lines.slice(0, left) })
    left -= h.lines.length
  }
  return out
}

function TodoCard({ tool }: { tool: Tool }) {
  const t = useT()
  const steps: PlanStep[] = todosOf(tool.input, tool.result)
  const done = steps.filter((s) => s.status === 'completed').length
  const [open, setOpen] = useOpen(tool.id, false)
  const current = steps.find((s) => s.status === 'in_progress')
  if (steps.length === 0) return <ToolLine tool={tool} kind="other" />
  return (
    <div>
      <Head id={tool.id} icon={icons.todo} open={open} onToggle={() => setOpen(!open)}>
        <b className="font-medium text-ink">{t('todo.progress', { done, total: steps.length })}</b>
        {current ? ` ${current.step}` : ''}
      </Head>
      {open ? (
        <div id={`${tool.id}-body`} className="mt-1.5 ml-6">
          <Todos steps={steps} />
        </div>
      ) : null}
    </div>
  )
}

const pendingInside = (blocks: readonly Block[]): boolean => blocks.some((b) => b.kind === 'tool' && (b.tool.permission?.status === 'pending' || pendingInside(b.children)))

function AgentCard({ tool, blocks, renderBlock }: { tool: Tool; blocks: Block[]; renderBlock(block: Block): ReactNode }) {
  const t = useT()
  const waits = pendingInside(blocks)
  const [wish, setOpen] = useOpen(tool.id, false)
  const open = wish || waits
  const steps = blocks.flatMap((b) => (b.kind === 'tool' ? [b.tool] : b.kind === 'tools' ? b.tools : []))
  const text = resultText(tool.result)
  const prompt = (tool.input as { prompt?: unknown } | null)?.prompt
  return (
    <Card label={t('tool.agent')}>
      <Head
        id={tool.id}
        boxed
        icon={icons.agent}
        open={open}
        onToggle={() => setOpen(!open)}
        aside={
          <>
            {steps.length > 0 ? <span className="text-xs text-ink-2">{t.count('agent.steps', steps.length)}</span> : null}
            <StateMark tool={tool} />
            <Elapsed tool={tool} />
          </>
        }
      >
        <b className="font-medium text-ink">{t('tool.agent')}</b> {subjectOf(tool.name, tool.input, tool.description ?? undefined)}
      </Head>
      {open ? (
        <div id={`${tool.id}-body`} className="flex flex-col gap-3 border-t border-line px-3 py-3">
          {typeof prompt === 'string' ? <p className="border-l-2 border-line pl-3 text-s whitespace-pre-wrap text-ink-2">{prompt.length > 600 ? `${prompt.slice(0, 600)}…` : prompt}</p> : null}
          {blocks.map(renderBlock)}
          {text.trim() ? <Markdown text={text} /> : null}
        </div>
      ) : steps.length > 0 && tool.state === 'running' ? (
        <ul className="border-t border-line px-3 py-1.5 text-s text-ink-2">
          {steps.slice(-3).map((s) => (
            <li key={s.id} className="truncate">
              {verb(s, t)} {subjectOf(s.name, s.input, s.description ?? undefined)}
            </li>
          ))}
        </ul>
      ) : null}
    </Card>
  )
}

function PlanCard({ tool }: { tool: Tool }) {
  const t = useT()
  const plan = planOf(tool.input)
  const refused = tool.permission?.status === 'denied' || tool.permission?.status === 'canceled'
  const [open, setOpen] = useOpen(tool.id, false)
  return (
    <Card label={t('tool.plan')}>
      <Head id={tool.id} boxed icon={icons.plan} open={open} onToggle={() => setOpen(!open)} aside={<span className="text-xs text-ink-2">{t(refused ? 'plan.kept' : tool.permission?.status === 'approved' ? 'plan.approved' : 'plan.shown')}</span>}>
        <b className="font-medium text-ink">{t('tool.plan')}</b> {plan.split('\n').find((l) => l.trim() !== '')?.replace(/^#+\s*/, '')}
      </Head>
      {open ? (
        <div id={`${tool.id}-body`} className="border-t border-line px-3.5 py-3">
          <Markdown text={plan} />
        </div>
      ) : null}
      <Denial tool={tool} />
    </Card>
  )
}

function answerTexts(answers: CompletedRequest['answers'] | undefined, id: string, index: number): string[] {
  const a = answers?.[String(index)] ?? answers?.[id]
  return Array.isArray(a) ? a : (a?.answers ?? [])
}

function AnsweredCard({ tool }: { tool: Tool }) {
  const t = useT()
  const questions = questionsOf(tool.input)
  const skipped = tool.permission?.status === 'denied' || tool.permission?.status === 'canceled'
  return (
    <Card label={t('tool.question')}>
      <dl className="flex flex-col gap-2 px-3 py-2.5 text-s">
        {questions.length === 0 ? <dt className="text-ink-2">{t('tool.question')}</dt> : null}
        {questions.map((q, i) => {
          const given = answerTexts(tool.permission?.answers, q.id, i).map((a) => a.replace(/^user_note: /, ''))
          return (
            <div key={q.id}>
              <dt className="text-ink-2">{q.text}</dt>
              <dd className="font-medium">{given.length > 0 ? given.join(t('common.comma')) : skipped ? t('question.skipped') : tool.state === 'running' ? '…' : t('question.answered')}</dd>
            </div>
          )
        })}
      </dl>
    </Card>
  )
}
