import { useState } from 'react'
import { useT } from '@/i18n'
import { Segmented, SettingRow, Switch } from '@/ui/Fields'

const enterKey = 'hapi-composer-enter-behavior'
const reasoningKey = 'hapi-reasoning-collapsed'

export function Chat() {
  const t = useT()
  const [newline, setNewline] = useState(localStorage.getItem(enterKey) === 'newline')
  const [reasoning, setReasoning] = useState(localStorage.getItem(reasoningKey) === 'false')
  return (
    <>
      <SettingRow label={t('chatSettings.enter')} hint={t(newline ? 'chatSettings.enterNewlineHint' : 'chatSettings.enterSendsHint')}>
        {() => (
          <div className="w-44">
            <Segmented
              label={t('chatSettings.enter')}
              value={newline ? 'newline' : 'send'}
              options={[
                { value: 'send', label: t('chatSettings.sends') },
                { value: 'newline', label: t('chatSettings.newline') },
              ]}
              onChange={(v) => {
                setNewline(v === 'newline')
                if (v === 'newline') localStorage.setItem(enterKey, v)
                else localStorage.removeItem(enterKey)
              }}
            />
          </div>
        )}
      </SettingRow>
      <SettingRow label={t('chatSettings.reasoning')} hint={t('chatSettings.reasoningHint')}>
        {(id) => (
          <Switch
            id={id}
            checked={reasoning}
            onChange={(on) => {
              setReasoning(on)
              if (on) localStorage.setItem(reasoningKey, 'false')
              else localStorage.removeItem(reasoningKey)
            }}
          />
        )}
      </SettingRow>
    </>
  )
}
