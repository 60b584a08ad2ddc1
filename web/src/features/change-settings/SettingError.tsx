import { useT } from '@/i18n'

/** Why a setting was not changed. */
export function SettingError({ error }: { error: string | null }) {
  const t = useT()
  if (!error) return null
  return (
    <p role="alert" className="py-2 text-s text-bad">
      {t('push.failed', { error })}
    </p>
  )
}
