/** Whether the browser offers to install the app, and whether the person cares. */

interface InstallEvent extends Event {
  prompt(): Promise<unknown>
}

const dismissedKey = 'pwa_install_dismissed'
let offered: InstallEvent | null = null
const listeners = new Set<() => void>()
const tell = () => {
  for (const l of listeners) l()
}

const installed = () => matchMedia('(display-mode: standalone)').matches || (navigator as { standalone?: boolean }).standalone === true
const isPhoneOfApple = () => /iPhone|iPad/.test(navigator.userAgent) || (navigator.platform === 'MacIntel' && navigator.maxTouchPoints > 1)

export type Offer = 'prompt' | 'by-hand' | null

export const install = {
  start() {
    window.addEventListener('beforeinstallprompt', (event) => {
      event.preventDefault() // it is offered in the app's own words
      offered = event as InstallEvent
      tell()
    })
    window.addEventListener('appinstalled', install.dismiss)
  },
  subscribe: (l: () => void) => {
    listeners.add(l)
    return () => listeners.delete(l)
  },
  /** On an iPhone only the person can do it, in Safari's menu. */
  offer: (): Offer => (localStorage.getItem(dismissedKey) || installed() ? null : offered ? 'prompt' : isPhoneOfApple() ? 'by-hand' : null),
  async accept() {
    const event = offered
    offered = null
    tell()
    await event?.prompt()
  },
  dismiss() {
    localStorage.setItem(dismissedKey, '1')
    tell()
  },
}
