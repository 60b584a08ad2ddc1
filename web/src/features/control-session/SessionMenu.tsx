import { Archive, Copy, Download, EllipsisVertical, MailOpen, Pencil, Pin, PinOff, RotateCcw, Trash2 } from 'lucide-react'
import { useState, type ReactNode } from 'react'
import type { SessionSummary } from '@/api/types'
import { useT } from '@/i18n'
import { useMarks } from '@/live/hooks'
import { titleOf } from '@/model/session'
import { Button, IconButton } from '@/ui/Button'
import { Confirm, Dialog } from '@/ui/Dialog'
import { Field, TextInput } from '@/ui/Fields'
import { Menu, MenuItem, MenuSeparator } from '@/ui/Menu'
import { useSessionActions } from './useSessionActions'

interface Props {
  session: SessionSummary
  /** More rows, above ours. */
  children?: ReactNode
  /** The session is now another one, or gone. */
  onMoved?(id: string | null): void
}

export function SessionMenu({ session: s, children, onMoved }: Props) {
  const t = useT()
  const act = useSessionActions()
  const marks = useMarks()
  const [asking, setAsking] = useState<'rename' | 'archive' | 'delete' | null>(null)
  const close = () => setAsking(null)
  return (
    <>
      <Menu
        trigger={
          <IconButton label={t('menu.title')}>
            <EllipsisVertical />
          </IconButton>
        }
      >
        {children}
        <MenuItem icon={<Pencil />} onSelect={() => setAsking('rename')}>
          {t('menu.rename')}
        </MenuItem>
        <MenuItem icon={s.pinned ? <PinOff /> : <Pin />} onSelect={() => void act.pin(s.id, s.pinned ? 'none' : 'project')}>
          {s.pinned ? t('menu.unpin') : t('menu.pinProject')}
        </MenuItem>
        <MenuItem icon={s.globalPinned ? <PinOff /> : <Pin />} onSelect={() => void act.pin(s.id, s.globalPinned ? 'none' : 'global')}>
          {s.globalPinned ? t('menu.unpinTop') : t('menu.pinTop')}
        </MenuItem>
        <MenuItem icon={<MailOpen />} onSelect={() => marks.markUnread(s.id)}>
          {t('menu.markUnread')}
        </MenuItem>
        <MenuItem icon={<Copy />} onSelect={() => void act.copyReference(s)}>
          {t('menu.copyReference')}
        </MenuItem>
        <MenuItem icon={<Download />} onSelect={() => void act.exportAs(s.id, 'md')}>
          {t('menu.exportMarkdown')}
        </MenuItem>
        <MenuItem icon={<Download />} onSelect={() => void act.exportAs(s.id, 'json')}>
          {t('menu.exportJson')}
        </MenuItem>
        <MenuSeparator />
        {s.active || s.metadata?.lifecycleState === 'running' ? (
          <MenuItem icon={<Archive />} onSelect={() => setAsking('archive')}>
            {t('menu.archive')}
          </MenuItem>
        ) : null}
        {s.active ? null : (
          <>
            <MenuItem icon={<RotateCcw />} onSelect={() => void act.reopen(s.id).then((id) => id && onMoved?.(id))}>
              {t('menu.reopen')}
            </MenuItem>
            <MenuItem icon={<Trash2 />} danger onSelect={() => setAsking('delete')}>
              {t('menu.delete')}
            </MenuItem>
          </>
        )}
      </Menu>
      {asking === 'rename' ? <Rename session={s} onClose={close} onRename={(name) => void act.rename(s.id, name)} /> : null}
      <Confirm
        open={asking === 'archive'}
        onClose={close}
        title={t('menu.archiveAsk', { title: titleOf(s) })}
        description={t('menu.archiveAbout')}
        actions={
          <>
            <Button grow onClick={close}>
              {t('common.cancel')}
            </Button>
            <Button
              grow
              look="primary"
              onClick={() => {
                close()
                void act.archive(s.id)
              }}
            >
              {t('menu.archive')}
            </Button>
          </>
        }
      />
      <Confirm
        open={asking === 'delete'}
        onClose={close}
        title={t('menu.deleteAsk', { title: titleOf(s) })}
        description={t('menu.deleteAbout')}
        actions={
          <>
            <Button grow onClick={close}>
              {t('common.cancel')}
            </Button>
            <Button
              grow
              look="danger"
              onClick={() => {
                close()
                void act.remove(s.id).then((done) => done && onMoved?.(null))
              }}
            >
              {t('menu.delete')}
            </Button>
          </>
        }
      />
    </>
  )
}

function Rename({ session, onClose, onRename }: { session: SessionSummary; onClose(): void; onRename(name: string): void }) {
  const t = useT()
  const [name, setName] = useState(titleOf(session))
  return (
    <Dialog open onClose={onClose} title={t('menu.rename')}>
      <form
        className="flex flex-col gap-4 p-4"
        onSubmit={(e) => {
          e.preventDefault()
          if (name.trim() === '') return
          onRename(name.trim())
          onClose()
        }}
      >
        <Field label={t('menu.name')}>{(id) => <TextInput id={id} autoFocus maxLength={255} value={name} onChange={(e) => setName(e.target.value)} onFocus={(e) => e.target.select()} />}</Field>
        <Button look="primary" type="submit" disabled={name.trim() === ''}>
          {t('common.save')}
        </Button>
      </form>
    </Dialog>
  )
}
