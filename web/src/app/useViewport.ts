import { useEffect } from 'react'

/** While an on-screen keyboard covers the page, the app is as high as what is left. */
export function useViewport() {
  useEffect(() => {
    const view = window.visualViewport
    if (!view) return
    const fit = () => {
      const covered = window.innerHeight - view.height * view.scale > 1
      if (covered) document.documentElement.style.setProperty('--app-height', `${view.height * view.scale}px`)
      else document.documentElement.style.removeProperty('--app-height')
    }
    view.addEventListener('resize', fit)
    return () => view.removeEventListener('resize', fit)
  }, [])
}
