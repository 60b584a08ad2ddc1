/** The service worker of the app: registered once, and a new version is offered, not forced. */

let waiting: ServiceWorker | null = null
let dismissed = false
const listeners = new Set<() => void>()
const tell = () => {
  for (const l of listeners) l()
}

const checkEvery = 3_600_000

export const update = {
  subscribe: (l: () => void) => {
    listeners.add(l)
    return () => listeners.delete(l)
  },
  ready: () => waiting !== null && !dismissed,
  later() {
    dismissed = true
    tell()
  },
  apply() {
    navigator.serviceWorker.addEventListener('controllerchange', () => location.reload(), { once: true })
    waiting?.postMessage({ type: 'skip-waiting' })
    setTimeout(() => location.reload(), 2000)
  },
  async start() {
    if (!('serviceWorker' in navigator) || !import.meta.env.PROD) return
    try {
      const registration = await navigator.serviceWorker.register('/sw.js')
      const look = () => {
        if (registration.waiting && navigator.serviceWorker.controller) {
          waiting = registration.waiting
          tell()
        }
      }
      look()
      registration.addEventListener('updatefound', () => registration.installing?.addEventListener('statechange', look))
      const check = () => void registration.update().catch(() => {}) // offline: next time
      setInterval(check, checkEvery)
      document.addEventListener('visibilitychange', () => document.visibilityState === 'visible' && check())
    } catch {
      // a browser without service workers here: the app works, only not offline
    }
  },
}
