import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { api, type UsageBucket } from '@/api/hub'
import { errorText } from '@/api/client'
import { useT } from '@/i18n'
import { useLive, useNow } from '@/live/hooks'
import { dayKey, dayOf, daysUntil, dayText } from '@/model/days'
import { flavorOf } from '@/model/flavor'
import { Segmented } from '@/ui/Fields'
import { Failure, Notice, Skeleton } from '@/ui/States'
import { cx } from '@/ui/cx'

type Range = '7d' | '30d' | 'all'
const daysOf: Record<Range, number> = { '7d': 7, '30d': 30, all: 1 }

export function Usage() {
  const t = useT()
  const { hub } = useLive()
  const [range, setRange] = useState<Range>('7d')
  const today = dayOf(useNow(60_000))
  const { data, error, isPending, refetch } = useQuery({ queryKey: ['usage', range], queryFn: () => api.usage(hub, range), retry: 0, placeholderData: (before) => before })
  const short = (n: number) => n.toLocaleString(t.language, { notation: 'compact', maximumFractionDigits: 1 })
  if (isPending) return <Skeleton rows={3} label={t('common.loading')} />
  if (!data) return <Failure title={t('usage.failed')} error={errorText(error)} retry={() => void refetch()} retryLabel={t('common.retry')} />
  const { totals } = data
  const hit = totals.inputTokens > 0 ? Math.round((totals.cacheReadTokens / totals.inputTokens) * 100) : 0
  const most = Math.max(1, ...data.daily.map((d) => d.totalTokens))
  const tokensOf = new Map(data.daily.map((d) => [d.key, d.totalTokens]))
  const days = daysUntil(today, daysOf[range], data.daily[0]?.key)
  return (
    <div className="flex flex-col gap-6 py-3">
      <Segmented<Range> label={t('usage.range')} value={range} options={[{ value: '7d', label: t('usage.7d') }, { value: '30d', label: t('usage.30d') }, { value: 'all', label: t('usage.all') }]} onChange={setRange} />
      {totals.requests === 0 ? (
        <Notice title={t('usage.none')} />
      ) : (
        <>
          <dl className="grid grid-cols-2 gap-x-6 gap-y-3 wide:grid-cols-4">
            {(
              [
                [t('usage.total'), short(totals.totalTokens)],
                [t('usage.input'), short(totals.inputTokens)],
                [t('usage.output'), short(totals.outputTokens)],
                [t('usage.cached'), t('usage.percent', { percent: hit })],
                [t('usage.requests'), short(totals.requests)],
                [t('usage.sessions'), short(totals.sessions)],
              ] as const
            ).map(([name, value]) => (
              <div key={name}>
                <dt className="text-s text-ink-2">{name}</dt>
                <dd className="text-l font-semibold num">{value}</dd>
              </div>
            ))}
          </dl>
          <section>
            <h2 className="mb-2 text-xs font-semibold text-ink-2">{t('usage.daily')}</h2>
            <ul className={cx('flex h-36 items-end border-b border-line', days.length > 90 ? '' : days.length > 31 ? 'gap-px' : 'gap-1')}>
              {days.map((day) => {
                const tokens = tokensOf.get(dayKey(day)) ?? 0
                return (
                  <li key={day} title={`${dayText(day, t)}: ${short(tokens)}`} className="flex h-full min-w-0 flex-1 flex-col justify-end">
                    <span className="sr-only">{`${dayText(day, t)}: ${short(tokens)}`}</span>
                    {tokens > 0 ? <span aria-hidden className="rounded-t-[3px] bg-accent" style={{ height: `${Math.max(1, (tokens / most) * 100)}%` }} /> : null}
                  </li>
                )
              })}
            </ul>
            <p aria-hidden className="mt-1 flex justify-between text-xs text-ink-2 num">
              <span>{dayText(days[0] ?? today, t)}</span>
              <span>{t('days.today')}</span>
            </p>
          </section>
          <Split title={t('usage.byAgent')} rows={data.byAgent.map((b) => ({ ...b, key: flavorOf(b.key).label }))} short={short} />
          <Split title={t('usage.byModel')} rows={data.byModel} short={short} />
        </>
      )}
    </div>
  )
}

function Split({ title, rows, short }: { title: string; rows: UsageBucket[]; short(n: number): string }) {
  const most = Math.max(1, ...rows.map((r) => r.totalTokens))
  return rows.length === 0 ? null : (
    <section>
      <h2 className="mb-1 text-xs font-semibold text-ink-2">{title}</h2>
      <ul>
        {rows.slice(0, 8).map((r) => (
          <li key={r.key} className="grid grid-cols-[minmax(0,10rem)_1fr_4rem] items-center gap-3 py-1 text-s">
            <span className="truncate">{r.key}</span>
            <span aria-hidden className="h-2 rounded-full bg-sunken">
              <span className="block h-full rounded-full bg-accent" style={{ width: `${(r.totalTokens / most) * 100}%` }} />
            </span>
            <span className="text-right text-ink-2 num">{short(r.totalTokens)}</span>
          </li>
        ))}
      </ul>
    </section>
  )
}
