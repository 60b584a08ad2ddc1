/** Every screen, in both sizes and themes, as pictures in web/screenshots. */
import { mkdirSync, rmSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { scene, type Scene } from './scene'
import { Hub, desk, launch, phone, visit, type Look } from './world'

const out = resolve(import.meta.dirname, '../screenshots')
let hub: Hub
let browser: Browser
let day: Scene

beforeAll(async () => {
  rmSync(out, { recursive: true, force: true })
  mkdirSync(out, { recursive: true })
  hub = await Hub.start()
  browser = await launch()
  day = await scene(hub)
})
afterAll(async () => {
  await browser?.close()
  await hub?.stop()
})

const looks: [string, Look][] = [
  ['phone-light', { size: phone, scale: 2 }],
  ['phone-dark', { size: phone, theme: 'dark', scale: 2 }],
  ['desk-light', { size: desk }],
  ['desk-dark', { size: desk, theme: 'dark' }],
]

interface Screen {
  name: string
  path(): string
  ready: string
  looks?: string[]
}

const screens: Screen[] = [
  { name: 'inbox', path: () => '/sessions', ready: 'text=Needs you' },
  { name: 'chat', path: () => `/sessions/${day.login.id}`, ready: 'text=Run a command?' },
  { name: 'question', path: () => `/sessions/${day.database.id}`, ready: 'text=Which driver?' },
]

const only = process.env.ONLY?.split(',')
const onlyLooks = process.env.LOOKS?.split(',')

test.each(screens.filter((s) => !only || only.includes(s.name)))('$name', async ({ name, path, ready, looks: wanted }) => {
  for (const [look, how] of looks) {
    if ((wanted && !wanted.includes(look)) || (onlyLooks && !onlyLooks.includes(look))) continue
    const { page, context, problems } = await visit(browser, hub, path(), how)
    await page.locator(ready).first().waitFor({ timeout: 20_000 })
    await page.waitForTimeout(400) // pictures are taken after the last 200 ms animation
    await page.screenshot({ path: `${out}/${name}-${look}.png` })
    await context.close()
    expect(problems).toEqual([])
  }
})
