import { useState, type ReactNode } from 'react'
import { useT } from '@/i18n'
import { Button } from './Button'
import { Dialog } from './Dialog'

const allowedKey = 'hapi-allowed-schemes'
const never = new Set(['javascript:', 'data:', 'vbscript:', 'file:', 'blob:', 'about:'])

/** The scheme of a link that another program opens, "vscode:"; null for what is no such link or may never be followed. */
export function otherScheme(href: string): string | null {
  const scheme = /^([a-z][a-z0-9+.-]*:)\S/i.exec(href)?.[1]?.toLowerCase()
  return scheme && !never.has(scheme) && URL.canParse(href) && new URL(href).protocol === scheme ? scheme : null
}

function allowed(): string[] {
  try {
    const list: unknown = JSON.parse(localStorage.getItem(allowedKey) ?? '[]')
    return Array.isArray(list) ? list.filter((s): s is string => typeof s === 'string') : []
  } catch {
    return []
  }
}

/** A link into another program: asked about once, or once for all of its kind. */
export function OtherLink({ href, scheme, children }: { href: string; scheme: string; children: ReactNode }) {
  const t = useT()
  const [asking, setAsking] = useState(false)
  const open = (always: boolean) => {
    if (always) localStorage.setItem(allowedKey, JSON.stringify([...allowed(), scheme]))
    setAsking(false)
    window.open(href, '_blank', 'noopener,noreferrer')
  }
  return (
    <>
      <button type="button" className="text-left text-accent underline underline-offset-2" onClick={() => (allowed().includes(scheme) ? open(false) : setAsking(true))}>
        {children}
      </button>
      <Dialog open={asking} onClose={() => setAsking(false)} title={t('link.ask')} description={t('link.about', { scheme })}>
        <div className="flex flex-col gap-3 p-4">
          <code className="rounded-m bg-sunken px-3 py-2 [overflow-wrap:anywhere]">{href}</code>
          <div className="flex flex-wrap gap-2">
            <Button grow onClick={() => open(true)}>
              {t('link.always', { scheme })}
            </Button>
            <Button grow look="primary" onClick={() => open(false)}>
              {t('link.open')}
            </Button>
          </div>
        </div>
      </Dialog>
    </>
  )
}
