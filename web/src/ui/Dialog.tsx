import { Dialog as Radix } from 'radix-ui'
import { X } from 'lucide-react'
import type { ReactNode } from 'react'
import { useT } from '@/i18n'
import { IconButton } from './Button'
import { cx } from './cx'

interface Props {
  open: boolean
  onClose(): void
  title: string
  /** Said to screen readers only; the dialog shows its own head. */
  bare?: boolean
  description?: string
  wide?: boolean
  children: ReactNode
}

/** A sheet from below on a phone, a window in the middle on a desk. */
export function Dialog({ open, onClose, title, bare, description, wide, children }: Props) {
  const t = useT()
  return (
    <Radix.Root open={open} onOpenChange={(next) => !next && onClose()}>
      <Radix.Portal>
        <Radix.Overlay className="fixed inset-0 z-40 bg-veil" />
        <Radix.Content
          {...(description ? {} : { 'aria-describedby': undefined })}
          tabIndex={-1}
          onOpenAutoFocus={(e) => {
            // Not onto the first button, which is the one that closes.
            e.preventDefault()
            if (e.currentTarget instanceof HTMLElement) e.currentTarget.focus()
          }}
          className={cx(
            'fixed z-50 flex animate-in flex-col overflow-hidden border border-line bg-surface shadow-xl outline-none',
            'inset-x-0 bottom-0 max-h-[92dvh] rounded-t-l pb-[env(safe-area-inset-bottom)]',
            'wide:inset-x-auto wide:top-[12vh] wide:bottom-auto wide:left-1/2 wide:max-h-[76vh] wide:-translate-x-1/2 wide:rounded-l wide:pb-0',
            wide ? 'wide:w-[min(880px,92vw)]' : 'wide:w-[min(520px,92vw)]',
          )}
        >
          {bare ? (
            <Radix.Title className="sr-only">{title}</Radix.Title>
          ) : (
            <div className="flex items-center gap-2 border-b border-line py-1.5 pr-1.5 pl-4">
              <Radix.Title className="min-w-0 flex-1 truncate text-m font-semibold">{title}</Radix.Title>
              <Radix.Close asChild>
                <IconButton label={t('common.close')}>
                  <X />
                </IconButton>
              </Radix.Close>
            </div>
          )}
          {description ? <Radix.Description className="px-4 pt-3 text-s text-ink-2">{description}</Radix.Description> : null}
          {children}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  )
}

interface ConfirmProps {
  open: boolean
  onClose(): void
  title: string
  description: string
  actions: ReactNode
}

export function Confirm({ open, onClose, title, description, actions }: ConfirmProps) {
  return (
    <Dialog open={open} onClose={onClose} title={title} description={description}>
      <div className="flex gap-2 p-4">{actions}</div>
    </Dialog>
  )
}
