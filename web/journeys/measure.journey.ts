/** What the app costs, measured in Chromium against a real hub; printed as a table. */
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, test } from 'vitest'
import { scene } from './scene'
import { Hub, launch, phone, visit } from './world'

let hub: Hub
let browser: Browser
const rows: [string, string][] = []

beforeAll(async () => {
  hub = await Hub.start()
  browser = await launch()
})
afterAll(async () => {
  await browser?.close()
  await hub?.stop()
  // oxlint-disable-next-line no-console -- the result of this file
  console.log(rows.map(([what, value]) => `| ${what} | ${value} |`).join('\n'))
})

const median = (list: number[]) => list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)] ?? 0
const ms = (n: number) => `${Math.round(n)} ms`

/** Milliseconds from now until the page shows the text, told by the page itself. */
const shows = (page: Page, text: string) =>
  page.evaluate(
    (wanted) =>
      new Promise<number>((done) => {
        const start = performance.timeOrigin + performance.now()
        const look = () => document.body.textContent?.includes(wanted) && (observer.disconnect(), done(performance.timeOrigin + performance.now() - start))
        const observer = new MutationObserver(look)
        observer.observe(document.body, { childList: true, subtree: true, characterData: true })
        look()
      }),
    text,
  )

test('first load', async () => {
  await scene(hub)
  const times: number[] = []
  let bytes = 0
  for (let i = 0; i < 5; i++) {
    const { page, context } = await visit(browser, hub, '/sessions', { size: phone })
    const cdp = await context.newCDPSession(page)
    await cdp.send('Network.enable')
    let sum = 0
    const ours = new Set<string>()
    cdp.on('Network.responseReceived', (e) => /\/api\//.test(e.response.url) || ours.add(e.requestId))
    cdp.on('Network.loadingFinished', (e) => ours.has(e.requestId) && (sum += e.encodedDataLength))
    await cdp.send('Network.setCacheDisabled', { cacheDisabled: true })
    const start = performance.now()
    await page.goto(`${hub.url}/sessions`)
    await page.getByText('npm run migrate').waitFor()
    times.push(performance.now() - start)
    bytes = sum
    await context.close()
  }
  rows.push(['first load, compressed, up to the list', `${Math.round(bytes / 1024)} KiB`], ['until a request can be answered, nothing cached', ms(median(times))])
})

test('ten thousand messages', async () => {
  const agent = await hub.agent({ path: '/Users/ada/src/long', name: 'Ten thousand' })
  const now = Date.now()
  for (let i = 0; i < 10_000; i++) {
    agent.say(`Message ${i}. ${'Lorem ipsum dolor sit amet. '.repeat(i % 7)}`, now - (10_000 - i) * 1000)
    if (i % 500 === 499) await agent.flushed()
  }
  const times: number[] = []
  let elements = 0
  for (let i = 0; i < 5; i++) {
    const { page, context } = await visit(browser, hub, '/sessions', { size: phone })
    const row = page.getByRole('button', { name: /Ten thousand/ }).first()
    await row.waitFor()
    const [, took] = await Promise.all([row.click(), shows(page, 'Message 9999.')])
    times.push(took)
    elements = await page.locator('[data-index]').count()
    await context.close()
  }
  rows.push(['a conversation of 10 000 messages, from the tap to its end', ms(median(times))], ['rows in the document then', String(elements)])
})

test('live', async () => {
  const agent = await hub.agent({ path: '/Users/ada/src/live', name: 'live' })
  const { page, context } = await visit(browser, hub, `/sessions/${agent.id}`, { size: phone })
  await page.getByText('ready ·').waitFor()
  const requests: number[] = []
  for (let i = 0; i < 20; i++) {
    const seen = shows(page, `word ${i} arrived`)
    agent.say(`word ${i} arrived`)
    requests.push(await seen)
  }
  rows.push(['from the agent’s word to the screen', ms(median(requests))])

  // A burst: a hundred rows, and how long the page is busy with them.
  await page.evaluate(() => {
    const w = window as unknown as { busy: number }
    w.busy = 0
    new PerformanceObserver((list) => {
      for (const e of list.getEntries()) w.busy = Math.max(w.busy, e.duration)
    }).observe({ entryTypes: ['longtask'] })
  })
  const last = shows(page, 'burst 99 done')
  for (let i = 0; i < 100; i++) agent.say(`burst ${i} done`)
  const took = await last
  rows.push(['a burst of 100 messages on the screen', ms(took)], ['longest the page was busy at a stretch', ms(await page.evaluate(() => (window as unknown as { busy: number }).busy))])
  await context.close()
})
