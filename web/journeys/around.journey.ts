/** What stands around a conversation: an old runner, the home screen, what is shared, documents, settings. */
import { expect, test } from 'vitest'
import { Stage, barriers } from './stage'
import { desk, phone } from './world'

const stage = new Stage()

test('old runners are left for an hour one after the other, or restarted', async () => {
  const page = await stage.at('/sessions')
  await page.getByText('No sessions yet').waitFor()
  await stage.hub.machine('machine-older', 'attic', [], { capabilities: [] })
  const strip = page.getByRole('status').filter({ hasText: 'older than its program' })
  await strip.getByText('The runner on attic is older than its program. Restart it there.').waitFor()
  expect(await barriers(page)).toEqual([])
  expect(await strip.getByRole('button').allTextContents()).toEqual(['Later'])
  await stage.hub.machine('machine-old', 'cellar', [], { capabilities: [] })
  await strip.getByRole('button', { name: 'Later' }).click()
  await strip.getByText('The runner on cellar').waitFor({ timeout: 30_000 })
  await strip.getByRole('button', { name: 'Later' }).click()
  await strip.waitFor({ state: 'detached', timeout: 30_000 }) // at once, not with the next minute
  await page.reload()
  await page.getByText('No sessions yet').waitFor()
  expect(await strip.count()).toBe(0)

  // One that starts again by itself is restarted from here.
  await stage.hub.machine('machine-behind', 'studio', [], { supervisedRestart: true, startedCliMtimeMs: 1, installedCliMtimeMs: 2 })
  await strip.getByText('The runner on studio').waitFor()
  await strip.getByRole('button', { name: 'Restart it' }).click()
  await page.getByText('The runner on studio restarts.').waitFor()
  await strip.waitFor({ state: 'detached', timeout: 30_000 })
})

test('an iPhone is told how, for only the person can put hapi on its home screen', async () => {
  const page = await stage.at('/sessions', { size: phone, userAgent: 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1' })
  await page.getByRole('button', { name: 'Show how' }).click()
  const steps = page.getByRole('dialog', { name: 'hapi on your home screen' })
  await steps.getByText('Add to Home Screen').waitFor()
  expect(await steps.getByRole('listitem').count()).toBe(3)
  expect(await barriers(page)).toEqual([])
  await page.keyboard.press('Escape')
  await steps.waitFor({ state: 'detached' })
})

test('a link whose file cannot be fetched still shares its words', async () => {
  const page = await stage.at(`/share#${new URLSearchParams({ text: 'Look at this', fileUrl: 'http://127.0.0.1:1/plan.txt', fileName: 'plan.txt' }).toString()}`)
  await page.getByRole('alert').filter({ hasText: 'The file could not be fetched:' }).waitFor()
  await page.getByText('Look at this').waitFor()
  expect(page.url()).toBe(`${stage.hub.url}/share`)
  await page.getByRole('button', { name: 'Discard' }).click()
  await page.waitForURL('**/sessions')
})

test('a document of a project is shown as a page, and as it is written', async () => {
  const agent = await stage.hub.agent({ path: '/Users/ada/src/app', name: 'Documents' })
  const text = '# The plan\n\n| step | done |\n|---|---|\n| one | yes |\n'
  agent.handle('readFile', () => ({ success: true, content: Buffer.from(text).toString('base64'), size: text.length, modified: 0 }))
  const page = await stage.at(`/sessions/${agent.id}/file?path=${btoa('PLAN.md')}&view=file`)
  await page.getByRole('heading', { name: 'The plan' }).waitFor()
  await page.getByRole('cell', { name: 'yes' }).waitFor()
  await page.getByRole('button', { name: 'Show the source' }).click()
  await page.getByText('# The plan').waitFor()
  expect(await page.getByRole('table').count()).toBe(0)
})

test('settings are a list and then a page on a phone, and both beside each other where there is room', async () => {
  const page = await stage.at('/settings')
  const list = page.getByRole('navigation', { name: 'Settings' })
  await list.getByRole('button', { name: /Display/ }).click()
  await page.waitForURL('**/settings/display')
  await page.getByText('Text size', { exact: true }).waitFor()
  expect(await list.count()).toBe(0)
  await page.setViewportSize(desk)
  await list.getByRole('button', { name: 'Display', exact: true }).waitFor()
  await page.goto(`${stage.hub.url}/settings`)
  await page.getByText('Text size', { exact: true }).waitFor()
  await page.setViewportSize(phone)
  await page.getByText('Text size', { exact: true }).waitFor({ state: 'detached' })
  await list.getByRole('button', { name: /Display/ }).waitFor()
})

test('the app is offered once, and never again after a no', async () => {
  const page = await stage.at('/sessions')
  const offer = () =>
    page.evaluate(() => {
      const event = new Event('beforeinstallprompt', { cancelable: true })
      dispatchEvent(Object.assign(event, { prompt: () => Promise.resolve(document.body.setAttribute('data-prompted', '')) }))
      return event.defaultPrevented
    })
  await page.getByRole('heading', { name: 'Sessions' }).waitFor()
  expect(await offer()).toBe(true)
  const card = page.getByRole('complementary', { name: 'hapi on your home screen' })
  await card.getByRole('button', { name: 'Install' }).click()
  await page.locator('body[data-prompted]').waitFor()
  await card.waitFor({ state: 'detached' })
  await offer()
  await card.getByRole('button', { name: 'Do not offer it again' }).click()
  await card.waitFor({ state: 'detached' })
  await page.reload()
  await page.getByRole('heading', { name: 'Sessions' }).waitFor()
  await offer()
  expect(await card.count()).toBe(0)
})

test('a link that carries words and a file is shared into a session', async () => {
  const agent = await stage.hub.agent({ path: '/Users/ada/src/shared', name: 'shared' })
  const page = await stage.at('/sessions')
  await page.getByText('shared').first().waitFor()
  await page.goto(`${stage.hub.url}/share#text=${encodeURIComponent('Look at this')}&fileUrl=${encodeURIComponent(`${stage.hub.url}/icon.svg`)}&fileName=drawing.svg`)
  await page.getByText('drawing.svg').waitFor()
  await page.getByRole('button', { name: /shared/ }).first().click()
  await page.waitForURL(`**/sessions/${agent.id}`)
  expect(await page.getByLabel('Message').inputValue()).toBe('Look at this')
  await page.getByText('drawing.svg').waitFor()
})
