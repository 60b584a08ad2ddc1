import { useState } from 'react'
import { Dialog } from './Dialog'

/** A picture in its place; a tap shows it as large as the window allows. */
export function Picture({ src, name }: { src: string; name: string }) {
  const [open, setOpen] = useState(false)
  return (
    <>
      <button type="button" onClick={() => setOpen(true)} className="max-w-full cursor-zoom-in overflow-hidden rounded-m border border-line">
        <img src={src} alt={name} className="max-h-72 max-w-full object-contain" />
      </button>
      <Dialog open={open} onClose={() => setOpen(false)} title={name} wide>
        <div className="quiet-scroll min-h-0 flex-1 overflow-auto [touch-action:pinch-zoom_pan-x_pan-y]">
          <img src={src} alt={name} className="mx-auto max-w-none" />
        </div>
      </Dialog>
    </>
  )
}
