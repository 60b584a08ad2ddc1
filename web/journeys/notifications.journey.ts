/** Being told while away: the service worker of a real browser, a real hub, and pushes as a push service delivers them. */
import type { Browser, BrowserContext, CDPSession, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Hub, launch, phone, token, until, type Agent } from './world'

const patient = { timeout: 60_000 }
let hub: Hub
let browser: Browser
let context: BrowserContext
let page: Page
let cdp: CDPSession
let agent: Agent
let registrationId = ''

beforeAll(async () => {
  hub = await Hub.start()
  browser = await launch()
  context = await browser.newContext({ viewport: phone })
  await context.grantPermissions(['notifications'], { origin: hub.url })
  // No push service is reachable from a test; a subscription as one would give it.
  await context.addInitScript(
    ([url, t]) => {
      localStorage.setItem(`hapi_access_token::${url}`, t ?? '')
      const subscription = { endpoint: 'https://127.0.0.1:9/push', toJSON: () => ({ endpoint: 'https://127.0.0.1:9/push', keys: { p256dh: 'p', auth: 'a' } }), unsubscribe: () => Promise.resolve(true) }
      PushManager.prototype.subscribe = function () {
        sessionStorage.setItem('subscribed', '1')
        return Promise.resolve(subscription as unknown as PushSubscription)
      }
      PushManager.prototype.getSubscription = () => Promise.resolve(sessionStorage.getItem('subscribed') ? (subscription as unknown as PushSubscription) : null)
    },
    [hub.url, token],
  )
  page = await context.newPage()
  page.setDefaultTimeout(60_000)
  cdp = await context.newCDPSession(page)
  cdp.on('ServiceWorker.workerRegistrationUpdated', ({ registrations }) => {
    for (const r of registrations) if (r.scopeURL.startsWith(hub.url) && !r.isDeleted) registrationId = r.registrationId
  })
  await cdp.send('ServiceWorker.enable')
  agent = await hub.agent({ path: '/Users/ada/src/app', name: 'Login' })
})
afterAll(async () => {
  await browser?.close()
  await hub?.stop()
})

interface Seen {
  title: string
  body: string
  actions: string[]
}

const notifications = () =>
  page.evaluate(async () => {
    const registration = await navigator.serviceWorker.ready
    return (await registration.getNotifications()).map((n): Seen => ({ title: n.title, body: n.body, actions: ((n as Notification & { actions?: { title: string }[] }).actions ?? []).map((a) => a.title) }))
  })

async function push(requestId: string): Promise<Seen> {
  const data = { title: 'Permission Request', body: 'Login (Bash)', tag: `permission-${agent.id}`, data: { type: 'permission-request', sessionId: agent.id, url: `/sessions/${agent.id}`, requestId, params: { agent: 'Claude', session: 'Login', tool: 'Bash' } } }
  await cdp.send('ServiceWorker.deliverPushMessage', { origin: hub.url, registrationId, data: JSON.stringify(data) })
  return until('the notification', async () => (await notifications())[0])
}

/** A tap as the worker hears of it; no protocol taps on what the system shows. */
async function tap(action: string) {
  const worker = context.serviceWorkers()[0]
  if (!worker) throw new Error('no service worker')
  await worker.evaluate(async (which) => {
    const scope = self as unknown as ServiceWorkerGlobalScope
    const [notification] = await scope.registration.getNotifications()
    if (notification) scope.dispatchEvent(new NotificationEvent('notificationclick', { notification, action: which } as NotificationEventInit))
  }, action)
}

test('a person has themselves notified, and sees which devices are', async () => {
  await page.goto(`${hub.url}/settings/notifications`)
  await page.evaluate(() => navigator.serviceWorker.ready.then(() => true))
  await page.getByRole('switch', { name: 'Notify this device' }).click()
  await page.getByText('This browser').waitFor(patient)
  await page.getByRole('switch', { name: 'When an agent has ended its turn' }).click()
  const jwt = await hub.post<{ token: string }>('/api/auth', { accessToken: token })
  await until('the hub knows what it shall not tell', async () => {
    const r = await fetch(`${hub.url}/api/push/subscriptions`, { headers: { Authorization: `Bearer ${jwt.token}` } })
    return (await r.text()).includes('"muted":["ready"]')
  })
})

test('a request is told in words, and allowed from its notification with exactly what the app posts', async () => {
  await page.goto(`${hub.url}/sessions`)
  await page.getByText('Login').first().waitFor()
  await agent.request('r1', 'Bash', { command: 'npm run migrate' })
  expect(await push('r1')).toEqual({ title: 'Needs you: Login', body: 'Run a command in ~/src/app\nnpm run migrate', actions: ['Allow', 'Deny'] })
  await tap('allow')
  await until('the agent has the answer', () => agent.calls.some((c) => c.method === 'permission'))
  expect(agent.calls.find((c) => c.method === 'permission')?.params).toEqual({ id: 'r1', approved: true })
  await until('the notification is gone', async () => (await notifications()).length === 0)
})

test('an answer that does not get through says so', async () => {
  await agent.request('r2', 'Bash', { command: 'make' })
  await push('r2')
  await page.getByRole('button', { name: 'Deny', exact: true }).first().click()
  await until('the refusal', () => agent.calls.some((c) => c.params.id === 'r2'))
  await until('the request is gone', async () => (await page.getByText('Needs you', { exact: true }).count()) === 0)
  await tap('allow')
  expect(await until('what became of it', async () => (await notifications()).find((n) => n.body.includes('already')))).toEqual({ title: 'Needs you: Login', body: 'This was answered already.', actions: [] })
  expect(agent.calls.filter((c) => c.params.id === 'r2')).toHaveLength(1)
})

test('a tap goes to the session in the window that is open, and the session clears what was told of it', async () => {
  await tap('')
  await page.waitForURL(`**/sessions/${agent.id}`)
  expect(context.pages()).toHaveLength(1)
  await until('nothing is left to tell', async () => (await notifications()).length === 0)
})
