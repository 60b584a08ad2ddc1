import { useState } from 'react'
import { useT } from '@/i18n'
import { Button } from '@/ui/Button'
import { Dialog } from '@/ui/Dialog'
import { Field, TextInput } from '@/ui/Fields'
import type { When } from './Composer'

const furthest = 7 * 24 * 3_600_000

const local = (at: number) => new Date(at - new Date(at).getTimezoneOffset() * 60_000).toISOString().slice(0, 16)

export function ScheduleDialog({ open, onClose, onChoose }: { open: boolean; onClose(): void; onChoose(when: When): void }) {
  const t = useT()
  const [value, setValue] = useState('')
  const at = value ? new Date(value).getTime() : Number.NaN
  const [now] = useState(Date.now)
  const wrong = value !== '' && (Number.isNaN(at) || at < now || at > now + furthest)
  return (
    <Dialog open={open} onClose={onClose} title={t('schedule.choose')}>
      <form
        className="flex flex-col gap-4 p-4"
        onSubmit={(e) => {
          e.preventDefault()
          if (wrong || Number.isNaN(at)) return
          onChoose({ at })
          onClose()
        }}
      >
        <Field label={t('schedule.when')} error={wrong ? t('schedule.wrong') : null}>
          {(id) => <TextInput id={id} type="datetime-local" min={local(now)} max={local(now + furthest)} value={value} onChange={(e) => setValue(e.target.value)} />}
        </Field>
        <Button type="submit" look="primary" disabled={value === '' || wrong}>
          {t('schedule.set')}
        </Button>
      </form>
    </Dialog>
  )
}
