import { DropdownMenu } from 'radix-ui'
import { Check } from 'lucide-react'
import type { ReactNode } from 'react'
import { cx } from './cx'

const row = 'flex min-h-9 w-full cursor-pointer items-center gap-3 rounded-s px-3 text-s outline-none select-none data-disabled:opacity-45 data-highlighted:bg-sunken touch:min-h-11 touch:text-m [&_svg]:size-4 [&_svg]:shrink-0 [&_svg]:text-ink-2'

export function Menu({ trigger, children, align = 'end' }: { trigger: ReactNode; children: ReactNode; align?: 'start' | 'end' }) {
  return (
    <DropdownMenu.Root>
      <DropdownMenu.Trigger asChild>{trigger}</DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <DropdownMenu.Content align={align} sideOffset={4} collisionPadding={8} className="quiet-scroll z-50 max-h-[min(70dvh,var(--radix-dropdown-menu-content-available-height))] min-w-52 animate-in overflow-y-auto rounded-m border border-line bg-raised p-1 shadow-xl">
          {children}
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  )
}

export function MenuItem({ icon, children, onSelect, danger, disabled }: { icon?: ReactNode; children: ReactNode; onSelect(): void; danger?: boolean; disabled?: boolean }) {
  return (
    <DropdownMenu.Item className={cx(row, danger && 'text-bad [&_svg]:text-bad')} onSelect={onSelect} disabled={disabled ?? false}>
      {icon}
      <span className="min-w-0 flex-1">{children}</span>
    </DropdownMenu.Item>
  )
}

export const MenuSeparator = () => <DropdownMenu.Separator className="my-1 h-px bg-line" />
export const MenuLabel = ({ children }: { children: ReactNode }) => <DropdownMenu.Label className="px-3 pt-2 pb-1 text-xs font-semibold text-ink-2">{children}</DropdownMenu.Label>

interface Choice {
  value: string
  label: string
  hint?: string
  danger?: boolean
}

export function MenuChoices({ value, choices, onChange }: { value: string; choices: readonly Choice[]; onChange(value: string): void }) {
  return (
    <DropdownMenu.RadioGroup value={value} onValueChange={onChange}>
      {choices.map((c) => (
        <DropdownMenu.RadioItem key={c.value} value={c.value} className={row}>
          <span className="w-4">
            <DropdownMenu.ItemIndicator>
              <Check />
            </DropdownMenu.ItemIndicator>
          </span>
          <span className={cx('min-w-0 flex-1', c.danger && 'text-bad')}>
            {c.label}
            {c.hint ? <span className="block text-xs text-ink-2">{c.hint}</span> : null}
          </span>
        </DropdownMenu.RadioItem>
      ))}
    </DropdownMenu.RadioGroup>
  )
}
