import { memo } from 'react'
import { useT } from '@/i18n'
import type { DiffLine, Hunk, Word } from '@/model/diff'
import { cx } from './cx'

function Words({ words, kind }: { words: Word[]; kind: DiffLine['kind'] }) {
  return words.map((w, i) =>
    w.changed ? (
      <mark key={i} className={cx('rounded-[3px] text-inherit', kind === 'del' ? 'bg-del-word' : 'bg-add-word')}>
        {w.text}
      </mark>
    ) : (
      w.text
    ),
  )
}

const tint: Record<DiffLine['kind'], string> = { same: '', add: 'bg-add', del: 'bg-del' }
const sign: Record<DiffLine['kind'], string> = { same: ' ', add: '+', del: '-' }

const Line = memo(function Line({ line, wrap, numbered }: { line: DiffLine; wrap: boolean; numbered: boolean }) {
  return (
    <div className={cx('grid pr-3', numbered ? 'grid-cols-[44px_14px_1fr]' : 'grid-cols-[8px_14px_1fr]', tint[line.kind], wrap ? 'whitespace-pre-wrap [overflow-wrap:anywhere]' : 'whitespace-pre')}>
      <span aria-hidden className="pr-2 text-right text-ink-2 select-none num">{numbered ? (line.after ?? line.before) : ''}</span>
      <span className="text-ink-2 select-none">{sign[line.kind]}</span>
      <span>
        <Words words={line.words} kind={line.kind} />
      </span>
    </div>
  )
})

/** A difference in one column. */
export function UnifiedDiff({ hunks, wrap = false, numbered = true, className }: { hunks: readonly Hunk[]; wrap?: boolean; numbered?: boolean; className?: string }) {
  const t = useT()
  return (
    <div tabIndex={0} role="group" aria-label={t('diff.label')} className={cx('quiet-scroll overflow-x-auto font-mono text-[0.78125rem] leading-5', className)}>
      <div className={cx(!wrap && 'w-max min-w-full')}>
        {hunks.map((h, i) => (
          <div key={i} data-hunk={i}>
            <Between before={hunks[i - 1]} hunk={h} first={i === 0} />
            {h.lines.map((l, j) => (
              <Line key={j} line={l} wrap={wrap} numbered={numbered} />
            ))}
          </div>
        ))}
      </div>
    </div>
  )
}

function Between({ before, hunk, first }: { before: Hunk | undefined; hunk: Hunk; first: boolean }) {
  const t = useT()
  const start = hunk.lines[0]?.before ?? hunk.lines[0]?.after ?? 1
  const end = before?.lines.findLast((l) => l.before !== null)?.before ?? 0
  const skipped = first ? start - 1 : start - end - 1
  if (first && !hunk.context) return null
  if (skipped <= 0 && !hunk.context) return null
  return (
    <div className={cx('mb-1 border-b border-line px-4 py-1 font-sans text-xs text-ink-2', !first && 'mt-1 border-t')}>
      {!first && skipped > 0 ? t.count('diff.unchanged', skipped) : null}
      {hunk.context ? <span className="font-mono"> {hunk.context}</span> : null}
    </div>
  )
}

/** A difference side by side. */
export function SplitDiff({ hunks }: { hunks: readonly Hunk[] }) {
  const t = useT()
  return (
    <div tabIndex={0} role="group" aria-label={t('diff.label')} className="quiet-scroll overflow-x-auto font-mono text-[0.78125rem] leading-5">
      {hunks.map((h, i) => (
        <div key={i} data-hunk={i}>
          <Between before={hunks[i - 1]} hunk={h} first={i === 0} />
          {sides(h.lines).map(([left, right], j) => (
            <div key={j} className="grid grid-cols-2">
              <Side line={left} number={left?.before ?? null} />
              <Side line={right} number={right?.after ?? null} />
            </div>
          ))}
        </div>
      ))}
    </div>
  )
}

function Side({ line, number }: { line: DiffLine | null; number: number | null }) {
  return (
    <div className={cx('grid grid-cols-[44px_1fr] border-line whitespace-pre-wrap [overflow-wrap:anywhere] even:border-l', line ? tint[line.kind] : 'bg-sunken/50')}>
      <span aria-hidden className="pr-2 text-right text-ink-2 select-none num">{number}</span>
      <span className="pr-2">{line ? <Words words={line.words} kind={line.kind} /> : null}</span>
    </div>
  )
}

function sides(lines: readonly DiffLine[]): [DiffLine | null, DiffLine | null][] {
  const out: [DiffLine | null, DiffLine | null][] = []
  for (let i = 0; i < lines.length; ) {
    const line = lines[i]
    if (!line) break
    if (line.kind === 'same') {
      out.push([line, line])
      i++
      continue
    }
    const dels: DiffLine[] = []
    const adds: DiffLine[] = []
    for (let l = lines[i]; l?.kind === 'del'; l = lines[++i]) dels.push(l)
    for (let l = lines[i]; l?.kind === 'add'; l = lines[++i]) adds.push(l)
    for (let k = 0; k < Math.max(dels.length, adds.length); k++) out.push([dels[k] ?? null, adds[k] ?? null])
  }
  return out
}

export function Counts({ added, removed }: { added: number; removed: number }) {
  const t = useT()
  return (
    <span className="flex gap-2 font-medium whitespace-nowrap num" aria-label={t('diff.counts', { added, removed })}>
      {added > 0 ? <span className="text-good">{`+${added}`}</span> : null}
      {removed > 0 ? <span className="text-bad">{`−${removed}`}</span> : null}
    </span>
  )
}
