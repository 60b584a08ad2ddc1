import { Popover as Radix } from 'radix-ui'
import type { ReactNode } from 'react'

/** A few facts beside the thing they are about. */
export function Popover({ label, trigger, children }: { label: string; trigger: ReactNode; children: ReactNode }) {
  return (
    <Radix.Root>
      <Radix.Trigger asChild>{trigger}</Radix.Trigger>
      <Radix.Portal>
        <Radix.Content aria-label={label} sideOffset={6} collisionPadding={8} className="z-50 w-72 max-w-[calc(100vw-16px)] animate-in rounded-m border border-line bg-raised p-4 shadow-xl outline-none">
          {children}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  )
}
