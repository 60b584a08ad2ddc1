import { GitFork, Undo2 } from 'lucide-react'
import type { Attachment } from '@/api/types'
import { useT } from '@/i18n'
import type { TurnBackRights } from '@/model/history'
import { MenuItem, MenuSeparator } from '@/ui/Menu'
import type { TurnBackWish } from './TurnBackDialog'

interface Props {
  rights: TurnBackRights
  message: { localId: string | null; text: string; attachments: readonly Attachment[] }
  onWish(wish: TurnBackWish): void
}

/** What the menu of a message offers where its agent can go back to it. */
export function TurnBackItems({ rights, message, onWish }: Props) {
  const t = useT()
  const { localId, text, attachments } = message
  const fork = rights.forkAt(localId)
  const rewind = rights.rewindTo(localId)
  if (localId === null || (!fork && !rewind)) return null
  const wish = { localId, text, attachments }
  return (
    <>
      <MenuSeparator />
      {fork ? (
        <MenuItem icon={<GitFork />} onSelect={() => onWish({ action: 'fork', message: wish })}>
          {t('turnBack.fork')}
        </MenuItem>
      ) : null}
      {rewind ? (
        <MenuItem icon={<Undo2 />} danger onSelect={() => onWish({ action: 'rewind', message: wish })}>
          {t('turnBack.rewind')}
        </MenuItem>
      ) : null}
    </>
  )
}
