import { useNavigate, useSearch } from '@tanstack/react-router'
import { useT } from '@/i18n'
import { NewSession } from '@/features/start-session/NewSession'
import { PageBar } from '../PageBar'
import { giveShared, takeShared } from '../shared'
import { useDesk } from '../useWide'

export function NewPage() {
  const t = useT()
  const desk = useDesk()
  const navigate = useNavigate()
  const { machineId, directory, shared } = useSearch({ from: '/shell/sessions/new' })
  return (
    <>
      <PageBar title={t('new.title')} back={() => void navigate({ to: '/sessions' })} />
      <NewSession
        wanted={{ ...(machineId ? { machineId } : {}), ...(directory ? { directory } : {}) }}
        beside={desk}
        onStarted={(id) => {
          const content = shared ? takeShared(shared) : null
          if (content) giveShared(id, content)
          void navigate({ to: '/sessions', replace: true }).then(() => navigate({ to: '/sessions/$id', params: { id } }))
        }}
      />
    </>
  )
}
