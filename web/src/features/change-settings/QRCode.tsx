import { encode } from 'uqr'
import { useMemo } from 'react'
import { useT } from '@/i18n'
import { Button } from '@/ui/Button'
import { copyText } from '@/ui/copy'
import { showToast } from '@/ui/toast'

/** A link to be scanned, or copied. */
export function QRCode({ link }: { link: string }) {
  const t = useT()
  const path = useMemo(() => {
    const { data, size } = encode(link, { ecc: 'M', border: 2 })
    const dark: string[] = []
    data.forEach((row, y) => row.forEach((on, x) => on && dark.push(`M${x} ${y}h1v1h-1z`)))
    return { d: dark.join(''), size }
  }, [link])
  return (
    <div className="flex flex-col items-center gap-3 py-4">
      {/* Readers want dark on light, whatever the theme. */}
      <svg role="img" aria-label={t('devices.code')} viewBox={`0 0 ${path.size} ${path.size}`} className="w-56 rounded-m bg-[white]" shapeRendering="crispEdges">
        <path d={path.d} className="fill-[black]" />
      </svg>
      <Button onClick={() => void copyText(link).then((ok) => ok && showToast({ text: t('common.copied') }))}>{t('devices.copy')}</Button>
    </div>
  )
}
