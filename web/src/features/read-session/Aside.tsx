import { Search } from 'lucide-react'
import { useMemo, useState } from 'react'
import type { Todo } from '@/api/types'
import { useT } from '@/i18n'
import { planSteps } from '@/model/decode'
import { countLines } from '@/model/diff'
import { dayAndTime } from '@/model/time'
import { resultText, subjectOf, todosOf, kindOf } from '@/model/tools'
import { Button } from '@/ui/Button'
import { Counts } from '@/ui/Diff'
import { Dialog } from '@/ui/Dialog'
import { editedTools, prompts, type Block, type Conversation } from './blocks'
import { relative } from './context'
import { Todos } from './Todos'
import { filesOf } from './ToolView'

interface Props {
  conversation: Conversation
  todos: Todo[] | undefined
  cwd: string
  onJump(key: string): void
  onOpenFile(path: string): void
}

const heading = 'pt-3 pb-1 text-xs font-semibold text-ink-2'

/** Beside a conversation: what was asked, the plan, what changed. */
export function Aside({ conversation, todos, cwd, onJump, onOpenFile }: Props) {
  const t = useT()
  const asked = useMemo(() => prompts(conversation.blocks), [conversation.blocks])
  return (
    <aside aria-label={t('outline.title')} className="quiet-scroll w-66 shrink-0 overflow-y-auto border-l border-line px-4 py-2 text-s">
      <h2 className={heading}>{t('outline.title')}</h2>
      {asked.length === 0 ? <p className="text-ink-2">{t('outline.empty')}</p> : null}
      <ul>
        {asked.slice(-12).map((p, i, all) => (
          <li key={p.id}>
            <button type="button" onClick={() => onJump(p.id)} className={`min-h-7 w-full truncate text-left hover:text-ink ${i === all.length - 1 ? 'font-medium' : 'text-ink-2'}`}>
              {p.text.slice(0, 96)}
            </button>
          </li>
        ))}
      </ul>
      <Overview conversation={conversation} todos={todos} cwd={cwd} onOpenFile={onOpenFile} />
    </aside>
  )
}

/** How far the plan is, and which files changed. */
function Overview({ conversation, todos, cwd, onOpenFile }: Omit<Props, 'onJump'>) {
  const t = useT()
  const steps = useMemo(() => currentPlan(conversation.blocks, todos), [conversation.blocks, todos])
  const changed = useMemo(() => changedFiles(conversation.blocks, cwd), [conversation.blocks, cwd])
  return (
    <>
      {steps.length > 0 ? (
        <>
          <h2 className={heading}>{t('outline.plan', { done: steps.filter((s) => s.status === 'completed').length, total: steps.length })}</h2>
          <Todos steps={steps} />
        </>
      ) : null}
      {changed.length > 0 ? (
        <>
          <h2 className={heading}>{t('outline.changed')}</h2>
          <ul>
            {changed.map((f) => (
              <li key={f.path}>
                <button type="button" title={f.path} onClick={() => onOpenFile(f.path)} className="flex min-h-7 w-full items-center gap-2 text-left hover:text-accent touch:min-h-11">
                  <span className="min-w-0 flex-1 truncate font-medium [direction:rtl]">
                    <bdi>{f.path}</bdi>
                  </span>
                  <Counts added={f.added} removed={f.removed} />
                </button>
              </li>
            ))}
          </ul>
        </>
      ) : null}
    </>
  )
}

function currentPlan(blocks: readonly Block[], todos: Todo[] | undefined) {
  if (todos && todos.length > 0) return planSteps(todos)
  const last = blocks.findLast((b) => b.kind === 'tool' && kindOf(b.tool.name) === 'todo')
  return last?.kind === 'tool' ? todosOf(last.tool.input, last.tool.result) : []
}

function changedFiles(blocks: readonly Block[], cwd: string) {
  const byPath = new Map<string, { path: string; added: number; removed: number }>()
  for (const tool of editedTools(blocks)) {
    for (const f of filesOf(tool)) {
      const path = relative(f.path, cwd)
      const counts = countLines(f.hunks)
      const known = byPath.get(path) ?? { path, added: 0, removed: 0 }
      byPath.set(path, { path, added: known.added + counts.added, removed: known.removed + counts.removed })
    }
  }
  return [...byPath.values()]
}

function words(b: Block): string {
  switch (b.kind) {
    case 'user':
    case 'text':
    case 'reasoning':
    case 'cli':
      return b.text
    case 'tool':
      return `${b.tool.name} ${subjectOf(b.tool.name, b.tool.input)} ${resultText(b.tool.result).slice(0, 20_000)}`
    default:
      return ''
  }
}

interface OutlineProps extends Props {
  open: boolean
  onClose(): void
  hasOlder: boolean
  loading: boolean
  onOlder(): void
}

const mostHits = 60

/** Every prompt; with words in the search field, every row that has them. */
export function OutlineDialog({ open, onClose, conversation, todos, cwd, onOpenFile, hasOlder, loading, onOlder, onJump }: OutlineProps) {
  const t = useT()
  const [query, setQuery] = useState('')
  const q = query.trim().toLowerCase()
  const hits = useMemo(() => {
    if (!open) return []
    if (q === '') return prompts(conversation.blocks)
    return conversation.blocks
      .flatMap((b) => {
        const text = words(b)
        const at = text.toLowerCase().indexOf(q)
        return at < 0 ? [] : [{ id: b.id, text: (at > 30 ? '…' : '') + text.slice(Math.max(0, at - 30), at + 90), at: b.at }]
      })
      .slice(-mostHits)
  }, [open, q, conversation.blocks])
  return (
    <Dialog open={open} onClose={onClose} title={t('outline.title')}>
      <label className="m-3 flex h-10 items-center gap-2 rounded-m bg-sunken px-3 focus-within:ring-1 focus-within:ring-accent">
        <Search aria-hidden className="size-4 text-ink-2" />
        <input type="search" value={query} onChange={(e) => setQuery(e.target.value)} aria-label={t('outline.search')} placeholder={t('outline.search')} className="min-w-0 flex-1 bg-transparent outline-none placeholder:text-ink-2" />
      </label>
      <div className="quiet-scroll min-h-40 flex-1 overflow-y-auto px-2 pb-3">
        {q === '' ? (
          <div className="px-2 pb-2 text-s wide:hidden">
            <Overview conversation={conversation} todos={todos} cwd={cwd} onOpenFile={onOpenFile} />
          </div>
        ) : null}
        <ul>
          {hasOlder ? (
            <li className="px-2 pb-1">
              <Button look="quiet" busy={loading} onClick={onOlder} className="px-2!">
                {t('outline.older')}
              </Button>
            </li>
          ) : null}
          {hits.length === 0 ? <li className="p-3 text-s text-ink-2">{t('outline.none')}</li> : null}
          {hits.map((h) => (
            <li key={h.id}>
              <button
                type="button"
                className="flex min-h-11 w-full items-center gap-3 rounded-m px-2 text-left text-s hover:bg-sunken"
                onClick={() => {
                  onClose()
                  onJump(h.id)
                }}
              >
                <span className="min-w-0 flex-1 truncate">{h.text}</span>
                <span className="text-xs text-ink-2 num">{dayAndTime(h.at, t)}</span>
              </button>
            </li>
          ))}
        </ul>
      </div>
    </Dialog>
  )
}
