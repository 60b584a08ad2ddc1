import { useSyncExternalStore } from 'react'

function useMedia(query: string): boolean {
  return useSyncExternalStore(
    (tell) => {
      const list = matchMedia(query)
      list.addEventListener('change', tell)
      return () => list.removeEventListener('change', tell)
    },
    () => matchMedia(query).matches,
  )
}

/** List and conversation beside each other. */
export const useWide = () => useMedia('(min-width: 920px)')
/** Room for a third column. */
export const useDesk = () => useMedia('(min-width: 1200px)')
