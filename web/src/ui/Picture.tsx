import { useState } from 'react'
import { cx } from './cx'
import { Viewer, type Shown } from './Viewer'

/** Pictures in their place; a tap shows one as large as the window, and from there the others. */
export function Pictures({ pictures, className, small }: { pictures: readonly Shown[]; className?: string; small?: boolean }) {
  const [at, setAt] = useState<number | null>(null)
  return (
    <>
      {pictures.map((p, i) => (
        <button key={i} type="button" aria-haspopup="dialog" onClick={() => setAt(i)} className={cx('max-w-full cursor-zoom-in overflow-hidden rounded-m border border-line', className)}>
          <img src={p.src} alt={p.name} className={small ? 'size-20 object-cover' : 'max-h-72 max-w-full object-contain'} />
        </button>
      ))}
      {at === null ? null : <Viewer pictures={pictures} at={at} onMove={setAt} onClose={() => setAt(null)} />}
    </>
  )
}
