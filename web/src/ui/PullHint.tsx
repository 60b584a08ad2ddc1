import { ArrowDown } from 'lucide-react'
import { useT } from '@/i18n'
import { Spinner } from './Spinner'
import { cx } from './cx'
import type { Pull } from './usePull'

/** The room above a pulled list, which says what letting go does. */
export function PullHint({ pull }: { pull: Pull }) {
  const t = useT()
  const height = pull.at === 'busy' ? 44 : pull.at === 'pulled' ? pull.by : 0
  return (
    <div role="status" style={{ height }} className={cx('flex items-end justify-center overflow-hidden text-s text-ink-2', pull.at !== 'pulled' && 'transition-[height] duration-200')}>
      {pull.at === 'busy' ? (
        <span className="flex items-center gap-2 pb-3">
          <Spinner /> {t('pull.busy')}
        </span>
      ) : pull.at === 'pulled' ? (
        <span aria-hidden className="flex items-center gap-2 pb-3">
          <ArrowDown className={cx('size-4 transition-transform', pull.enough && 'rotate-180')} />
          {t(pull.enough ? 'pull.letGo' : 'pull.more')}
        </span>
      ) : null}
    </div>
  )
}
