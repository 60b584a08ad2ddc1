/** Every screen, in both sizes and themes, as pictures in web/screenshots. */
import { mkdirSync, rmSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { scene, type Scene } from './scene'
import { Hub, desk, launch, phone, visit, type Look } from './world'

const only = process.env.ONLY?.split(',')
const out = resolve(import.meta.dirname, '../screenshots')
let hub: Hub
let browser: Browser
let day: Scene

beforeAll(async () => {
  if (!only) rmSync(out, { recursive: true, force: true })
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
  language?: 'zh-CN'
  act?(page: Page): Promise<unknown>
}

const screens: Screen[] = [
  { name: 'inbox', path: () => '/sessions', ready: 'text=Needs you' },
  { name: 'chat', path: () => `/sessions/${day.login.id}`, ready: 'text=Run a command?' },
  { name: 'shown', path: () => `/sessions/${day.cache.id}`, ready: 'role=button[name=/^Diagram/]' },
  { name: 'viewer', path: () => `/sessions/${day.cache.id}`, ready: 'role=button[name=/^Diagram/]', act: (page) => page.getByRole('button', { name: /^Diagram/ }).click() },
  { name: 'context', path: () => `/sessions/${day.login.id}`, ready: 'text=Run a command?', act: (page) => page.getByRole('button', { name: /% context/ }).click() },
  { name: 'message-menu', path: () => `/sessions/${day.cache.id}`, ready: 'text=All tests pass', act: (page) => page.getByRole('button', { name: 'More about this message' }).last().click() },
  {
    name: 'fork',
    path: () => `/sessions/${day.cache.id}`,
    ready: 'text=All tests pass',
    act: (page) =>
      page
        .getByRole('main')
        .getByRole('button', { name: 'More', exact: true })
        .click()
        .then(() => page.getByRole('menuitem', { name: 'Fork the conversation' }).click()),
  },
  { name: 'question', path: () => `/sessions/${day.database.id}`, ready: 'text=Which driver?' },
  { name: 'new', path: () => '/sessions/new', ready: 'text=Start on studio' },
  { name: 'files', path: () => `/sessions/${day.login.id}/files`, ready: 'text=migrate.sql' },
  { name: 'diff', path: () => `/sessions/${day.login.id}/file?path=${btoa('auth/session.ts')}&staged=true`, ready: 'text=isLocal' },
  { name: 'file', path: () => `/sessions/${day.login.id}/file?path=${btoa('auth/session.ts')}&view=file`, ready: 'text=where the person came' },
  { name: 'terminal', path: () => `/sessions/${day.login.id}/terminal`, ready: 'text=connected' },
  { name: 'settings', path: () => '/settings', ready: 'text=Notifications' },
  { name: 'display', path: () => '/settings/display', ready: 'text=Text size' },
  { name: 'machines', path: () => '/settings/machines', ready: 'text=darwin' },
  { name: 'devices', path: () => '/settings/devices', ready: 'text=Sign out' },
  { name: 'usage', path: () => '/settings/usage', ready: 'text=By model' },
  { name: 'share', path: () => '/share#text=Look%20at%20this&url=https%3A%2F%2Fexample.org', ready: 'text=Share with an agent' },
  { name: 'palette', path: () => '/sessions', ready: 'text=Needs you', act: (page) => page.keyboard.press('Control+k').then(() => page.locator('[role=option]').first().waitFor()) },
  { name: 'chinese', path: () => `/sessions/${day.login.id}`, ready: 'text=运行命令', looks: ['phone-light', 'desk-dark'], language: 'zh-CN' },
]

const onlyLooks = process.env.LOOKS?.split(',')

test('sign-in', async () => {
  for (const [look, { size, theme, scale }] of looks) {
    if (only && !only.includes('sign-in')) return
    const page = await browser.newPage({ viewport: size, colorScheme: theme ?? 'light', deviceScaleFactor: scale ?? 1 })
    await page.goto(hub.url)
    await page.locator('text=Access token').waitFor()
    await page.screenshot({ path: `${out}/sign-in-${look}.png` })
    await page.close()
  }
})

test.each(screens.filter((s) => !only || only.includes(s.name)))('$name', async ({ name, path, ready, looks: wanted, language, act }) => {
  for (const [look, how] of looks) {
    if ((wanted && !wanted.includes(look)) || (onlyLooks && !onlyLooks.includes(look))) continue
    const { page, context, problems } = await visit(browser, hub, path(), { ...how, ...(language ? { language } : {}) })
    await page.locator(ready).first().waitFor({ timeout: 20_000 })
    await act?.(page)
    await page.waitForTimeout(400) // pictures are taken after the last 200 ms animation
    await page.screenshot({ path: `${out}/${name}-${look}.png` })
    await context.close()
    expect(problems).toEqual([])
  }
})
