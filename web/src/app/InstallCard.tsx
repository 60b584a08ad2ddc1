import { Share, X } from 'lucide-react'
import { useState, useSyncExternalStore } from 'react'
import { useT } from '@/i18n'
import { Button, IconButton } from '@/ui/Button'
import { Dialog } from '@/ui/Dialog'
import { install } from './install'

/** Below the list, once: hapi on the home screen. Declined is declined for good. */
export function InstallCard() {
  const t = useT()
  const offer = useSyncExternalStore(install.subscribe, install.offer)
  const [steps, setSteps] = useState(false)
  if (!offer) return null
  return (
    <aside aria-label={t('install.title')} className="flex animate-in items-center gap-3 border-t border-line bg-raised py-2 pr-1.5 pl-4 safe-bottom">
      <img src="/icon.svg" alt="" className="size-9 rounded-[9px]" />
      <div className="min-w-0 flex-1">
        <p className="text-m leading-5 font-medium">{t('install.title')}</p>
        <p className="text-s text-ink-2">{t('install.why')}</p>
      </div>
      <Button onClick={() => (offer === 'prompt' ? void install.accept() : setSteps(true))}>{t(offer === 'prompt' ? 'install.do' : 'install.how')}</Button>
      <IconButton label={t('install.dismiss')} onClick={install.dismiss}>
        <X />
      </IconButton>
      <Dialog open={steps} onClose={() => setSteps(false)} title={t('install.title')}>
        <ol className="flex list-decimal flex-col gap-3 py-4 pr-4 pl-9 text-m marker:text-ink-2">
          <li>
            {t('install.step1')} <Share aria-hidden className="inline size-4" />
          </li>
          <li>{t('install.step2')}</li>
          <li>{t('install.step3')}</li>
        </ol>
      </Dialog>
    </aside>
  )
}
