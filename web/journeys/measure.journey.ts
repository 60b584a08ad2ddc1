/**
 * What the app costs, measured in Chromium against a real hub and printed as a
 * table. Sizes and counts are held to their budgets; times depend on the machine
 * and are only told.
 */
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
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

/** The budget of the first load, compressed. */
const firstLoad = 250 * 1024

/** A new visitor's way to the list: milliseconds, and bytes of the app itself. */
async function visitAnew(slow: boolean): Promise<{ list: number; took: number; bytes: number }> {
  const { page, context } = await visit(browser, hub, '/sessions', { size: phone })
  const cdp = await context.newCDPSession(page)
  await cdp.send('Network.enable')
  let bytes = 0
  const ours = new Set<string>()
  cdp.on('Network.responseReceived', (e) => /\/api\//.test(e.response.url) || ours.add(e.requestId))
  cdp.on('Network.loadingFinished', (e) => ours.has(e.requestId) && (bytes += e.encodedDataLength))
  await cdp.send('Network.setCacheDisabled', { cacheDisabled: true })
  if (slow) {
    await cdp.send('Network.emulateNetworkConditions', { offline: false, latency: 40, downloadThroughput: 10e6 / 8, uploadThroughput: 10e6 / 8 })
    await cdp.send('Emulation.setCPUThrottlingRate', { rate: 4 })
  }
  await page.evaluate(() => Promise.all(['hapi', 'hapi-device'].map((name) => indexedDB.deleteDatabase(name))))
  const start = performance.now()
  await page.goto(`${hub.url}/sessions`)
  await page.getByText('Fix login redirect').first().waitFor()
  const list = performance.now() - start
  await page.getByText('npm run migrate').waitFor()
  const took = performance.now() - start
  await context.close()
  return { list, took, bytes }
}

test('first load', async () => {
  await scene(hub)
  const fast: number[] = []
  const slowList: number[] = []
  const slow: number[] = []
  let bytes = 0
  for (let i = 0; i < 3; i++) {
    const visited = await visitAnew(false)
    fast.push(visited.took)
    bytes = visited.bytes
    const slowly = await visitAnew(true)
    slowList.push(slowly.list)
    slow.push(slowly.took)
  }
  rows.push(
    ['first load, compressed, up to the list (budget 250 KiB)', `${Math.round(bytes / 1024)} KiB`],
    ['until a request can be answered, nothing cached', ms(median(fast))],
    ['until the list is there, with a processor 4 times slower, 40 ms away, at 10 Mbit/s', ms(median(slowList))],
    ['until a request can be answered there', ms(median(slow))],
  )
  expect(bytes).toBeLessThanOrEqual(firstLoad)
})

test('ten thousand messages', async () => {
  const agent = await hub.agent({ path: '/Users/ada/src/long', name: 'Ten thousand' })
  const now = Date.now()
  for (let i = 0; i < 10_000; i++) {
    agent.say(`Message ${i}. ${'Lorem ipsum dolor sit amet. '.repeat(i % 7)}`, now - (10_000 - i) * 1000)
    if (i % 500 === 499) await agent.flushed()
  }
  const times: number[] = []
  let most = 0
  for (let i = 0; i < 3; i++) {
    const { page, context } = await visit(browser, hub, '/sessions', { size: phone })
    const row = page.getByRole('button', { name: /Ten thousand/ }).first()
    await row.waitFor()
    const [, took] = await Promise.all([row.click(), shows(page, 'Message 9999.')])
    times.push(took)
    most = Math.max(most, await page.locator('[data-index]').count())
    if (i === 2) most = Math.max(most, await readBack(page))
    await context.close()
  }
  rows.push(['a conversation of 10 000 messages, from the tap to its end', ms(median(times))], ['most of its rows in the document, also while it is read backwards (budget 300)', String(most)])
  expect(most).toBeLessThan(300)
})

/** Reads 2 000 messages backwards, a screen in four frames; says how many rows there were at most. */
async function readBack(page: Page): Promise<number> {
  const { frames, slow, longest, most } = await page.evaluate(
    () =>
      new Promise<{ frames: number; slow: number; longest: number; most: number }>((done) => {
        const log = document.querySelector('[role=log]')
        if (!log) throw new Error('no conversation')
        const out = { frames: 0, slow: 0, longest: 0, most: 0 }
        const oldest = () => Math.min(...[...log.querySelectorAll('[data-index]')].map((r) => Number(/Message (\d+)\./.exec(r.textContent ?? '')?.[1] ?? Infinity)))
        let last = performance.now()
        const step = (now: number) => {
          out.frames++
          out.longest = Math.max(out.longest, now - last)
          if (now - last > 50) out.slow++
          last = now
          if (out.frames % 30 === 0) {
            out.most = Math.max(out.most, log.querySelectorAll('[data-index]').length)
            if (oldest() <= 8000) return done(out)
          }
          log.scrollBy(0, -log.clientHeight / 4)
          requestAnimationFrame(step)
        }
        requestAnimationFrame(step)
      }),
  )
  rows.push(['frames while 2 000 messages are read backwards', String(frames)], ['of these longer than 50 ms', String(slow)], ['the longest', ms(longest)])
  return most
}

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
  rows.push(['a token, from the agent’s word to the screen', ms(median(requests))])

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
  rows.push(['a burst of 100 messages on the screen', ms(took)], ['longest the page was busy at a stretch during it', ms(await page.evaluate(() => (window as unknown as { busy: number }).busy))])
  await context.close()
})
