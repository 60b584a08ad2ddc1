import { useNavigate, useSearch } from '@tanstack/react-router'
import { useState } from 'react'
import { useT } from '@/i18n'
import { SharePicker } from '@/features/share-in/SharePicker'
import { PageBar } from '../PageBar'
import { giveShared } from '../shared'

export function SharePage() {
  const t = useT()
  const navigate = useNavigate()
  const { id, error } = useSearch({ from: '/shell/share' })
  // Read once: what was shared does not stay in the address.
  const [fragment] = useState(() => {
    const { hash } = location
    if (hash) history.replaceState(history.state, '', location.pathname + location.search)
    return hash
  })
  const leave = () => void navigate({ to: '/sessions', replace: true })
  return (
    <>
      <PageBar title={t('share.title')} back={leave} />
      <SharePicker
        id={id}
        failed={error !== undefined}
        fragment={fragment}
        onDiscard={leave}
        onChoose={(sessionId, content) => {
          giveShared(sessionId, content)
          void navigate({ to: '/sessions/$id', params: { id: sessionId }, replace: true })
        }}
        onNew={(content) => {
          giveShared('new', content)
          void navigate({ to: '/sessions/new', search: { shared: 'new' }, replace: true })
        }}
      />
    </>
  )
}
