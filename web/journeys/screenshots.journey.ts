/** Every screen, in both sizes and themes, as pictures in web/screenshots, with a page that shows them. */
import { createECDH, randomBytes } from 'node:crypto'
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { io, type Socket } from 'socket.io-client'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { scene, type Scene } from './scene'
import { Hub, desk, launch, phone, token, visit, type Agent, type Look } from './world'

const only = process.env.ONLY?.split(',')
const out = resolve(import.meta.dirname, '../screenshots')
let hub: Hub
let browser: Browser
let day: Scene
let elsewhere: Socket | null = null

beforeAll(async () => {
  if (!only) rmSync(out, { recursive: true, force: true })
  mkdirSync(out, { recursive: true })
  hub = await Hub.start()
  browser = await launch()
  day = await scene(hub)
  await others(hub)
})
afterAll(async () => {
  writeIndex()
  elsewhere?.disconnect()
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
  title: string
  path(): string
  ready: string
  looks?: string[]
  language?: 'zh-CN'
  /** Another space of the hub than that of the scene. */
  namespace?: string
  /** What has to be there, made just before: it does not keep. */
  before?(): Promise<unknown>
  act?(page: Page): Promise<unknown>
}

/** The first look opens the shell, the others find it. */
async function intoShell(page: Page) {
  const open = page.getByRole('list', { name: 'Open shells' }).getByRole('button').first()
  await open.or(page.locator('text=connected')).first().waitFor()
  if (await open.isVisible()) await open.click()
  await page.locator('text=connected').waitFor()
}

const both = ['phone-light', 'desk-dark']

const screens: Screen[] = [
  { name: 'inbox', title: 'The list: who needs you first', path: () => '/sessions', ready: 'text=Needs you' },
  { name: 'inbox-empty', title: 'The list, before the first session', path: () => '/sessions', ready: 'text=No sessions yet', looks: ['phone-light', 'desk-light'], namespace: 'empty' },
  { name: 'days', title: 'The list of some days', path: () => '/sessions', ready: 'text=Needs you', looks: both, act: (page) => page.getByRole('button', { name: 'From which days' }).click().then(() => page.getByRole('dialog').waitFor()) },
  { name: 'picked', title: 'Several at once', path: () => '/sessions', ready: 'text=Needs you', looks: both, act: (page) => page.getByRole('button', { name: /Refactor the cache/ }).first().click({ modifiers: ['Shift'] }) },
  { name: 'chat', title: 'A conversation, with a request', path: () => `/sessions/${day.login.id}`, ready: 'text=Run a command?' },
  { name: 'shown', title: 'Formulas, diagrams, pictures', path: () => `/sessions/${day.cache.id}`, ready: 'role=button[name=/^Diagram/]', looks: both },
  { name: 'viewer', title: 'A diagram, closely', path: () => `/sessions/${day.cache.id}`, ready: 'role=button[name=/^Diagram/]', looks: both, act: (page) => page.getByRole('button', { name: /^Diagram/ }).click() },
  { name: 'context', title: 'How full the context is', path: () => `/sessions/${day.login.id}`, ready: 'text=Run a command?', looks: both, act: (page) => page.getByRole('button', { name: /% context/ }).click() },
  {
    name: 'outline',
    title: 'What was asked, the plan, what changed',
    path: () => `/sessions/${day.login.id}`,
    ready: 'text=Run a command?',
    looks: ['phone-light', 'phone-dark'],
    act: (page) =>
      page
        .getByRole('main')
        .getByRole('button', { name: 'More', exact: true })
        .click()
        .then(() => page.getByRole('menuitem', { name: 'In this conversation' }).click()),
  },
  { name: 'message-menu', title: 'What can be done with a message', path: () => `/sessions/${day.cache.id}`, ready: 'text=All tests pass', looks: both, act: (page) => page.getByRole('button', { name: 'Copy, and more' }).last().click() },
  {
    name: 'fork',
    title: 'Forking a conversation',
    path: () => `/sessions/${day.cache.id}`,
    ready: 'text=All tests pass',
    looks: both,
    act: (page) =>
      page
        .getByRole('main')
        .getByRole('button', { name: 'More', exact: true })
        .click()
        .then(() => page.getByRole('menuitem', { name: 'Fork the conversation' }).click()),
  },
  { name: 'question', title: 'A question', path: () => `/sessions/${day.database.id}`, ready: 'text=Which driver?' },
  { name: 'new', title: 'A new session', path: () => '/sessions/new', ready: 'text=Start on studio' },
  { name: 'files', title: 'What changed', path: () => `/sessions/${day.login.id}/files`, ready: 'text=migrate.sql' },
  { name: 'tree', title: 'All files', path: () => `/sessions/${day.login.id}/files?tab=directories`, ready: 'text=auth', looks: both },
  { name: 'diff', title: 'A difference', path: () => `/sessions/${day.login.id}/file?path=${btoa('auth/session.ts')}&staged=true`, ready: 'text=isLocal' },
  { name: 'file', title: 'A file', path: () => `/sessions/${day.login.id}/file?path=${btoa('auth/session.ts')}&view=file`, ready: 'text=where the person came' },
  { name: 'terminal', title: 'A terminal', path: () => `/sessions/${day.login.id}/terminal`, ready: 'text=/connected|open shell/', act: intoShell },
  { name: 'shells', title: 'The shells that are open', path: () => `/sessions/${day.cache.id}/terminal`, ready: 'text=a program runs', before: () => shells(hub, day.cache) },
  { name: 'settings', title: 'Settings', path: () => '/settings', ready: 'text=Notifications' },
  { name: 'display', title: 'Settings: display', path: () => '/settings/display', ready: 'text=Text size', looks: both },
  { name: 'notifications', title: 'Settings: notifications', path: () => '/settings/notifications', ready: 'text=Told of what happens' },
  { name: 'machines', title: 'Settings: machines', path: () => '/settings/machines', ready: 'text=darwin', looks: both },
  { name: 'devices', title: 'Settings: devices and sign-out', path: () => '/settings/devices', ready: 'text=wall-display' },
  { name: 'new-device', title: 'Signing in another device', path: () => '/settings/devices', ready: 'text=wall-display', looks: both, act: (page) => page.getByRole('button', { name: 'Another device' }).click() },
  { name: 'usage', title: 'Settings: usage', path: () => '/settings/usage', ready: 'text=By model', looks: both },
  { name: 'share', title: 'Sharing with an agent', path: () => '/share#text=Look%20at%20this&url=https%3A%2F%2Fexample.org', ready: 'text=Share with an agent', looks: both },
  { name: 'palette', title: 'Find or do anything', path: () => '/sessions', ready: 'text=Needs you', act: (page) => page.keyboard.press('Control+k').then(() => page.locator('[role=option]').first().waitFor()) },
  { name: 'chinese-inbox', title: 'The list in Chinese', path: () => '/sessions', ready: 'text=需要你', looks: both, language: 'zh-CN' },
  { name: 'chinese-chat', title: 'A conversation in Chinese', path: () => `/sessions/${day.login.id}`, ready: 'text=运行命令', looks: both, language: 'zh-CN' },
  { name: 'chinese-new', title: 'A new session in Chinese', path: () => '/sessions/new', ready: 'text=在 studio 上启动', looks: ['phone-light'], language: 'zh-CN' },
]

/** A small picture; everything readable is still read. */
async function picture(page: Page, name: string) {
  const cdp = await page.context().newCDPSession(page)
  const { data } = await cdp.send('Page.captureScreenshot', { format: 'webp', quality: 72 })
  writeFileSync(`${out}/${name}.webp`, Buffer.from(data, 'base64'))
}

function writeIndex() {
  const there = new Set(readdirSync(out))
  const shown = (name: string) => looks.filter(([look]) => there.has(`${name}-${look}.webp`)).map(([look, { size }]) => `<img src="${name}-${look}.webp" alt="${name}, ${look}" width="${size.width < 600 ? 160 : 420}">`)
  const all = [{ name: 'sign-in', title: 'Signing in' }, ...screens]
  writeFileSync(`${out}/README.md`, `# Every screen\n\nTaken by \`make screenshots\` of the app in Chromium, against a real hub: phone (390 × 844) and desk (1280 × 800), light and dark.\n${all.map(({ name, title }) => `\n## ${title}\n\n${shown(name).join('\n')}\n`).join('')}`)
}

const onlyLooks = process.env.LOOKS?.split(',')

test('sign-in', async () => {
  for (const [look, { size, theme, scale }] of looks) {
    if (only && !only.includes('sign-in')) return
    const page = await browser.newPage({ viewport: size, colorScheme: theme ?? 'light', deviceScaleFactor: scale ?? 1 })
    await page.goto(hub.url)
    await page.locator('text=Access token').waitFor()
    await picture(page, `sign-in-${look}`)
    await page.close()
  }
})

test.each(screens.filter((s) => !only || only.includes(s.name)))('$name', async ({ name, path, ready, looks: wanted, language, namespace, before, act }) => {
  await before?.()
  for (const [look, how] of looks) {
    if ((wanted && !wanted.includes(look)) || (onlyLooks && !onlyLooks.includes(look))) continue
    const { page, context, problems } = await visit(browser, hub, path(), { ...how, ...(language ? { language } : {}), ...(namespace ? { namespace } : {}) })
    await page.locator(ready).first().waitFor({ timeout: 20_000 })
    await act?.(page)
    await page.waitForTimeout(400) // pictures are taken after the last 200 ms animation
    await picture(page, `${name}-${look}`)
    await context.close()
    expect(problems).toEqual([])
  }
})

/** As a browser makes them: the hub lets go of those whose keys cannot be. */
const pushKeys = () => ({ p256dh: createECDH('prime256v1').generateKeys('base64url'), auth: randomBytes(16).toString('base64url') })

/** Shells that another browser has open. */
async function shells(at: Hub, agent: Agent) {
  const { token: jwt } = await at.post<{ token: string }>('/api/auth', { accessToken: token })
  elsewhere = io(`${at.url}/terminal`, { transports: ['websocket'], auth: { token: jwt } })
  for (const [terminalId, line, busy] of [['a', '$ npm run dev\r\n  Local: http://localhost:5173/\r\n', true], ['b', '$ ', false]] as const) {
    const opened = new Promise((done) => elsewhere?.once('terminal:ready', done))
    elsewhere.emit('terminal:create', { sessionId: agent.id, terminalId, cols: 100, rows: 30 })
    await opened
    agent.shell(terminalId, line, busy)
  }
}

/** Other devices of the same person. */
async function others(at: Hub) {
  const { token: jwt } = await at.post<{ token: string }>('/api/auth', { accessToken: token })
  await at.post('/api/tokens', { name: 'wall-display', readOnly: true }, jwt)
  await at.post('/api/tokens', { name: 'tablet', expiresInDays: 90 }, jwt)
  for (const [n, label] of ['Chrome · Android', 'Firefox · Linux'].entries()) await at.post('/api/push/subscribe', { endpoint: `https://127.0.0.1:9/${n}`, keys: pushKeys(), deviceId: `d${n}`, label }, jwt)
}
