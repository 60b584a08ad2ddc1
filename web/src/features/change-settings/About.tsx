import { useQuery } from '@tanstack/react-query'
import { api } from '@/api/hub'
import { useT } from '@/i18n'
import { useLive } from '@/live/hooks'
import { SettingRow } from '@/ui/Fields'

const licence = 'Apache-2.0'

export function About() {
  const t = useT()
  const { hub } = useLive()
  const { data } = useQuery({ queryKey: ['health'], queryFn: () => api.health(hub), retry: 0 })
  return (
    <>
      <SettingRow label={t('about.hub')}>{() => <span className="max-w-60 truncate text-s text-ink-2">{hub.base}</span>}</SettingRow>
      <SettingRow label={t('about.protocol')} hint={data && data.protocolVersion > 1 ? t('about.newer') : null}>
        {() => <span className="text-s text-ink-2 num">{data?.protocolVersion ?? ''}</span>}
      </SettingRow>
      <SettingRow label={t('about.licence')}>{() => <span className="text-s text-ink-2">{licence}</span>}</SettingRow>
    </>
  )
}
