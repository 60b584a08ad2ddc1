import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { RouterProvider } from '@tanstack/react-router'
import { useCallback, useEffect, useMemo, useState } from 'react'
import { Hub, HubError, stored } from '@/api/client'
import { useT } from '@/i18n'
import { disablePush } from '@/features/change-settings/push'
import { SignIn } from '@/features/sign-in/SignIn'
import { isNewHub, readLink, scrubbed } from '@/features/sign-in/link'
import { forgetEverything } from '@/live/database'
import { forgetDevice } from '@/live/device'
import { LiveContext } from '@/live/hooks'
import { Live } from '@/live/live'
import { Toasts } from '@/ui/toast'
import { AccountContext } from './account'
import { makeRouter } from './router'
import { watchTheme } from './theme'

const brought = readLink(location.search)

/** The hub this browser is signed in to, by what it keeps or what the link brought. */
function knownHub(): Hub | null {
  const base = brought.hub ?? stored.hub()
  if (brought.token && !(brought.hub && isNewHub(brought.hub))) {
    stored.setHub(base)
    stored.setAccessToken(base, brought.token)
  }
  const accessToken = stored.accessToken(base)
  return accessToken ? new Hub({ base, accessToken }) : null
}

export function App() {
  const t = useT()
  const [hub, setHub] = useState<Hub | null>(knownHub)
  const [reason, setReason] = useState<string | null>(null)

  useEffect(() => {
    history.replaceState(history.state, '', scrubbed(location.href))
    return watchTheme()
  }, [])

  const signOut = useCallback(async (why: string | null) => {
    setHub((current) => {
      if (current) stored.setAccessToken(current.base, null)
      return null
    })
    setReason(why)
    // Nothing that answers for the person stays behind; a device that remembers nothing has nothing to forget.
    await Promise.all([forgetEverything(), forgetDevice().catch(() => {})])
  }, [])

  return (
    <>
      {hub ? (
        <SignedIn key={hub.base + hub.accessToken} hub={hub} onSignOut={signOut} onRefused={() => void signOut(t('signIn.expired'))} />
      ) : (
        <SignIn
          brought={brought}
          reason={reason}
          onSignedIn={(next) => {
            setReason(null)
            setHub(next)
          }}
        />
      )}
      <Toasts />
    </>
  )
}

function SignedIn({ hub, onSignOut, onRefused }: { hub: Hub; onSignOut(why: string | null): Promise<void>; onRefused(): void }) {
  const queries = useMemo(() => new QueryClient({ defaultOptions: { queries: { staleTime: 5_000, refetchOnWindowFocus: false, networkMode: 'always', retry: (count, error) => count < 1 && !(error instanceof HubError && error.status >= 400 && error.status < 500) }, mutations: { retry: 0 } } }), [])
  const [live, setLive] = useState<Live | null>(null)

  useEffect(() => {
    let here = true
    let opened: Live | null = null
    hub.whenSignedOut(onRefused)
    void Live.open(hub, queries).then((next) => {
      if (!here) return
      opened = next
      next.start()
      setLive(next)
    })
    return () => {
      here = false
      opened?.stop()
    }
  }, [hub, queries]) // oxlint-disable-line react-hooks/exhaustive-deps -- a new callback is no new session

  const router = useMemo(() => makeRouter(), [])
  const account = useMemo(
    () => ({
      async signOut() {
        // An unreachable hub keeps the address; the browser has dropped it by then.
        await disablePush(hub).catch(() => {})
        await onSignOut(null)
      },
    }),
    [hub, onSignOut],
  )
  if (!live) return null
  return (
    <QueryClientProvider client={queries}>
      <LiveContext value={live}>
        <AccountContext value={account}>
          <RouterProvider router={router} />
        </AccountContext>
      </LiveContext>
    </QueryClientProvider>
  )
}
