import { useEffect, useState, type ReactNode } from 'react'
import { Button } from './Button'

/** True after a moment: what comes at once needs no skeleton. */
export function useAfter(ms: number, waiting: boolean): boolean {
  const [late, setLate] = useState(false)
  useEffect(() => {
    if (!waiting) return setLate(false)
    const timer = setTimeout(() => setLate(true), ms)
    return () => clearTimeout(timer)
  }, [ms, waiting])
  return late
}

export function Skeleton({ rows, label }: { rows: number; label: string }) {
  const late = useAfter(150, true)
  return (
    <div role="status" aria-label={label} className="flex flex-col gap-5 p-4">
      {late
        ? Array.from({ length: rows }, (_, i) => (
            <div key={i} className="flex animate-pulse items-center gap-3">
              <div className="size-8 rounded-[9px] bg-sunken" />
              <div className="flex-1 space-y-2">
                <div className="h-3 rounded-s bg-sunken" style={{ width: `${62 - ((i * 17) % 30)}%` }} />
                <div className="h-3 rounded-s bg-sunken" style={{ width: `${84 - ((i * 23) % 40)}%` }} />
              </div>
            </div>
          ))
        : null}
    </div>
  )
}

/** An empty, failed or missing thing: what it is, and the one next step. */
export function Notice({ title, children, action, alert }: { title: string; children?: ReactNode; action?: ReactNode; alert?: boolean }) {
  return (
    <div role={alert ? 'alert' : undefined} className="mx-auto flex max-w-sm animate-in flex-col items-center gap-3 px-6 py-14 text-center">
      <p className="text-l font-semibold text-balance">{title}</p>
      {children ? <div className="text-s text-balance text-ink-2">{children}</div> : null}
      {action}
    </div>
  )
}

export function Failure({ title, error, retry, retryLabel }: { title: string; error: string; retry?: () => void; retryLabel: string }) {
  return (
    <Notice alert title={title} action={retry ? <Button onClick={retry}>{retryLabel}</Button> : null}>
      {error}
    </Notice>
  )
}
