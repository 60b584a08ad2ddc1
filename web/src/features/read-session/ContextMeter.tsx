import { useT } from '@/i18n'
import { contextWindow, shortModel } from '@/model/flavor'
import { inShort } from '@/model/number'
import { Popover } from '@/ui/Popover'
import { cx } from '@/ui/cx'
import type { Session } from '@/api/types'
import type { Conversation } from './blocks'

const nearlyFull = 90
const filling = 70

/** How full the agent's memory is; a tap says with what. */
export function ContextMeter({ conversation, session, flavor, short }: { conversation: Conversation; session: Session; flavor: string | null | undefined; short: boolean }) {
  const t = useT()
  const { usage } = conversation
  const model = session.model ?? conversation.model
  const size = usage ? contextWindow(flavor, model, usage.window) : null
  if (!usage || !size) return null
  const percent = Math.min(100, Math.round((usage.context / size) * 100))
  const full = (n: number) => n.toLocaleString(t.language)
  const fresh = usage.context - usage.cacheRead
  const facts: [string, string][] = [
    [t('context.cached'), full(usage.cacheRead)],
    [t('context.fresh'), full(Math.max(0, fresh))],
    [t('context.written'), full(usage.output)],
  ]
  return (
    <Popover
      label={t('context.title')}
      trigger={
        <button type="button" title={t('context.title')} aria-label={t('state.context', { percent })} className={cx('-my-3 shrink-0 py-3 rounded-s underline-offset-2 hover:underline num', percent >= nearlyFull ? 'font-medium text-bad' : percent >= filling ? 'font-medium text-ink' : 'text-ink-2')}>
          {t(short ? 'usage.percent' : 'state.context', { percent })}
        </button>
      }
    >
      <h2 className="text-m font-semibold">{t('context.title')}</h2>
      <p className="mt-1 text-s text-ink-2 num">{t('context.used', { used: inShort(usage.context, t), size: inShort(size, t) })}</p>
      <div role="meter" aria-label={t('context.title')} aria-valuenow={percent} aria-valuemin={0} aria-valuemax={100} className="mt-2 h-1.5 overflow-hidden rounded-full bg-sunken">
        <div className={cx('h-full rounded-full', percent >= nearlyFull ? 'bg-bad' : 'bg-accent')} style={{ width: `${percent}%` }} />
      </div>
      <dl className="mt-3 flex flex-col gap-1 text-s num">
        {facts.map(([what, n]) => (
          <div key={what} className="flex justify-between gap-3">
            <dt className="text-ink-2">{what}</dt>
            <dd>{n}</dd>
          </div>
        ))}
        {model ? (
          <div className="flex justify-between gap-3">
            <dt className="text-ink-2">{t('control.model')}</dt>
            <dd className="truncate">{shortModel(model)}</dd>
          </div>
        ) : null}
      </dl>
      <p className="mt-3 text-xs text-ink-2">{t('context.full')}</p>
    </Popover>
  )
}
