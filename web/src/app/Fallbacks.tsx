import { Link, type ErrorComponentProps } from '@tanstack/react-router'
import { errorText } from '@/api/client'
import { useT } from '@/i18n'
import { Button } from '@/ui/Button'
import { Notice } from '@/ui/States'

export function NotFound() {
  const t = useT()
  return (
    <Notice
      title={t('page.notFound')}
      action={
        <Link to="/sessions" className="text-accent underline-offset-2 hover:underline">
          {t('page.toSessions')}
        </Link>
      }
    />
  )
}

/** Something of ours broke; the rest of the app still works. */
export function RouteError({ error, reset }: ErrorComponentProps) {
  const t = useT()
  const words = errorText(error)
  return (
    <Notice alert title={t('page.broken')} action={<Button onClick={() => (/import|module|chunk/i.test(words) ? location.reload() : reset())}>{t('common.retry')}</Button>}>
      {words}
    </Notice>
  )
}
