import { useState } from 'react'
import { useT } from '@/i18n'
import type { Question } from '@/model/tools'
import { Button } from '@/ui/Button'
import { TextArea, TextInput } from '@/ui/Fields'
import { cx } from '@/ui/cx'
import { answerQuestions, deny, isAnswered, type Answer, type Given } from './decision'
import type { RequestCardProps } from './RequestCard'

interface Props extends RequestCardProps {
  questions: readonly Question[]
  give(answer: Answer): Promise<boolean>
  busy: Answer['verb'] | null
}

const nothing: Given = { chosen: [], text: '' }

/** One question at a time; a choice, several, or the person's own words. */
export function QuestionForm({ questions, request, flavor, give, busy }: Props) {
  const t = useT()
  // A payload nobody can read is still a question: one line of text answers it.
  const asked: readonly Question[] = questions.length > 0 ? questions : [{ id: '0', header: '', text: t('question.unreadable'), options: [], multiple: false, long: true, required: true, prefill: '' }]
  const [at, setAt] = useState(0)
  const [given, setGiven] = useState<Given[]>(() => asked.map((q) => ({ chosen: [], text: q.prefill })))
  const q = asked[at]
  if (!q) return null
  const mine = given[at] ?? nothing
  const set = (next: Given) => setGiven(given.map((g, i) => (i === at ? next : g)))
  const choose = (value: string) => {
    if (!q.multiple) return set({ ...mine, chosen: mine.chosen.includes(value) ? [] : [value] })
    set({ ...mine, chosen: mine.chosen.includes(value) ? mine.chosen.filter((v) => v !== value) : [...mine.chosen, value] })
  }
  const last = at === asked.length - 1
  const complete = asked.every((x, i) => isAnswered(x, given[i]))
  const preview = q.options.find((o) => mine.chosen.includes(o.value))?.preview
  return (
    <form
      className="flex flex-col gap-2.5"
      onSubmit={(e) => {
        e.preventDefault()
        if (!last) setAt(at + 1)
        else if (complete) void give(answerQuestions(request.tool, asked, given))
      }}
    >
      <fieldset className="flex min-w-0 flex-col gap-2">
        <legend className="mb-2 w-full">
          <span className="flex items-center gap-2 text-xs text-ink-2">
            {q.header ? <span className="rounded-full border border-line bg-raised px-2 py-px font-medium">{q.header}</span> : null}
            {asked.length > 1 ? <span className="num">{t('question.step', { at: at + 1, of: asked.length })}</span> : null}
            {q.multiple ? <span>{t('question.several')}</span> : null}
          </span>
          <span className="mt-1 block text-m font-medium">{q.text}</span>
        </legend>
        {q.options.map((o) => {
          const on = mine.chosen.includes(o.value)
          return (
            <label key={o.value} className={cx('flex min-h-11 cursor-pointer items-start gap-3 rounded-m border bg-raised px-3 py-2.5', on ? 'border-accent ring-1 ring-accent' : 'border-line')}>
              <input type={q.multiple ? 'checkbox' : 'radio'} name={`question-${q.id}`} checked={on} onChange={() => choose(o.value)} className="mt-1 size-4 accent-accent" />
              <span className="min-w-0">
                <span className="block text-m font-medium">{o.label}</span>
                {o.description ? <span className="block text-s text-ink-2">{o.description}</span> : null}
              </span>
            </label>
          )
        })}
        {preview ? <pre className="quiet-scroll max-h-60 overflow-auto rounded-s border border-line bg-raised px-2.5 py-2">{preview}</pre> : null}
        {q.long ? (
          <TextArea rows={3} value={mine.text} onChange={(e) => set({ ...mine, text: e.target.value })} aria-label={t('question.own')} placeholder={t('question.own')} />
        ) : (
          <TextInput value={mine.text} onChange={(e) => set({ ...mine, text: e.target.value })} aria-label={t(q.options.length > 0 ? 'question.other' : 'question.own')} placeholder={t(q.options.length > 0 ? 'question.other' : 'question.own')} />
        )}
      </fieldset>
      <div className="flex gap-2">
        <Button look="quiet" disabled={busy !== null} busy={busy === 'deny'} onClick={() => (at > 0 ? setAt(at - 1) : void give(deny({ flavor: flavor === 'claude' ? flavor : 'claude', tool: request.tool, input: null })))}>
          {at > 0 ? t('common.back') : t('question.skip')}
        </Button>
        <Button grow look="primary" type="submit" busy={busy === 'approve'} disabled={busy !== null || !isAnswered(q, mine)}>
          {last ? t('question.send') : t('question.next')}
        </Button>
      </div>
    </form>
  )
}
