import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { api, type HubSettings } from '@/api/hub'
import { errorText } from '@/api/client'
import { languages, setLanguage, useT } from '@/i18n'
import { useLive } from '@/live/hooks'
import { Select, SettingRow, Switch } from '@/ui/Fields'

export function General() {
  const t = useT()
  const { hub } = useLive()
  const queries = useQueryClient()
  const settings = useQuery({ queryKey: ['hub-settings'], queryFn: () => api.hubSettings(hub), retry: 0 })
  const [error, setError] = useState<string | null>(null)
  const set = async (change: Partial<HubSettings>) => {
    setError(null)
    try {
      queries.setQueryData(['hub-settings'], await api.setHubSettings(hub, change))
    } catch (failure) {
      setError(errorText(failure))
    }
  }
  return (
    <>
      <SettingRow label={t('settings.language')}>
        {(id) => (
          <Select id={id} className="w-40" value={t.language} onChange={(e) => void setLanguage(e.target.value === 'zh-CN' ? 'zh-CN' : 'en')}>
            {languages.map((l) => (
              <option key={l.id} value={l.id}>
                {l.name}
              </option>
            ))}
          </Select>
        )}
      </SettingRow>
      {hub.isOwner && settings.data ? (
        <>
          <SettingRow label={t('general.summaries')} hint={error ?? t('general.summariesHint')}>
            {(id) => <Switch id={id} checked={settings.data.sessionSummaryContract} onChange={(on) => void set({ sessionSummaryContract: on })} />}
          </SettingRow>
          <SettingRow label={t('general.summariesShown')} hint={t('general.summariesShownHint')}>
            {(id) => <Switch id={id} checked={settings.data.sessionSummaryInChat} onChange={(on) => void set({ sessionSummaryInChat: on })} />}
          </SettingRow>
        </>
      ) : null}
    </>
  )
}
