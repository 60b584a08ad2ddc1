/** What a person does in a conversation, beyond talking. */
import { readFileSync } from 'node:fs'
import type { Page } from 'playwright-core'
import { describe, expect, test } from 'vitest'
import { showProject, sunset } from './scene'
import { Stage, barriers } from './stage'
import { desk, phone, token, until } from './world'

const stage = new Stage()
const folder = (name: string) => ({ path: `/Users/ada/src/${name}`, name })
describe('going back', () => {
  const remembers = { capabilities: { conversationHistory: { forkCurrent: true, forkAtMessage: true, rewindToMessage: true } } }

  /** An agent that keeps a point of its history for every prompt. */
  async function rememberer(name: string) {
    await stage.hub.machine(`machine-${name}`, 'studio')
    const agent = await stage.hub.agent({ ...folder(name), machineId: `machine-${name}`, metadata: remembers })
    agent.onPrompt = (text, localId) => {
      agent.say(`Heard: ${text}`)
      if (localId) void agent.note((m) => ({ ...m, conversationHistoryPoints: { ...(m.conversationHistoryPoints as object | undefined), [localId]: true } }))
    }
    const page = await stage.at(`/sessions/${agent.id}`)
    for (const text of ['first idea', 'second idea']) {
      await page.getByLabel('Message', { exact: true }).fill(text)
      await page.getByRole('button', { name: 'Send' }).click()
      await page.getByText(`Heard: ${text}`).waitFor()
    }
    const menu = async (text: string) => {
      await page.getByRole('log').getByText(text, { exact: true }).hover()
      await page.locator('.group\\/message', { hasText: text }).first().getByRole('button', { name: 'Copy, and more' }).click()
    }
    return { agent, page, menu }
  }

  test('a fork begins before a message, which waits there to be said otherwise', async () => {
    const { agent, page, menu } = await rememberer('fork')
    agent.handle('fork-conversation', () => ({ nativeSessionId: 'native-2', forkSession: true }))
    let asked: Record<string, unknown> = {}
    stage.hub.onSpawn = async (request) => {
      asked = request
      return (await stage.hub.joining(String(request.existingSessionId))).id
    }
    await menu('second idea')
    await page.getByRole('menuitem', { name: 'Fork before this message' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Fork', exact: true }).click()
    await page.waitForURL((url) => url.pathname.startsWith('/sessions/') && !url.pathname.includes(agent.id), { timeout: 60_000 })
    await page.getByText('Heard: first idea').waitFor()
    expect(await page.getByText('Heard: second idea').count()).toBe(0)
    await until('the message waits in the field', async () => (await page.getByLabel('Message', { exact: true }).inputValue()) === 'second idea')
    expect(asked).toMatchObject({ resumeSessionId: 'native-2', forkSession: true })
    expect(agent.calls.find((c) => c.method === 'fork-conversation')?.params).toEqual({ messageLocalId: agent.prompts[1]?.localId })
  })

  test('a rewind removes a message and what followed; a refusal is said and changes nothing', async () => {
    const { agent, page, menu } = await rememberer('rewind')
    agent.handle('rewind-conversation', () => ({ success: false, error: 'not while compacting', outcome: 'rejected' }))
    await menu('second idea')
    await page.getByRole('menuitem', { name: 'Rewind to before this message' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByRole('button', { name: 'Rewind', exact: true }).click()
    await dialog.getByRole('alert').filter({ hasText: 'not while compacting' }).waitFor()
    expect(await barriers(page)).toEqual([])

    agent.handle('rewind-conversation', (p) => ({ success: true, truncateFromLocalId: p.messageLocalId }))
    await dialog.getByRole('button', { name: 'Rewind', exact: true }).click()
    await dialog.waitFor({ state: 'detached' })
    await page.getByText('Heard: second idea').waitFor({ state: 'detached' })
    await page.getByText('Heard: first idea').waitFor()
    await until('the message is in the field', async () => (await page.getByLabel('Message', { exact: true }).inputValue()) === 'second idea')
  })

  test('an agent at work cannot go back, and the dialog says so', async () => {
    const { agent, page, menu } = await rememberer('busy')
    agent.think(true)
    await page.getByRole('button', { name: 'Stop the agent' }).waitFor()
    await menu('first idea')
    await page.getByRole('menuitem', { name: 'Rewind to before this message' }).click()
    await page.getByText('The agent is working.').waitFor()
    expect(await page.getByRole('button', { name: 'Rewind', exact: true }).isDisabled()).toBe(true)
  })
})

describe('what agents show', () => {
  test('reads in one line, a subagent below its call, a plan, a formula, a diagram, and pictures to look at closely', async () => {
    const agent = await stage.hub.agent(folder('shown'))
    for (const name of ['a.ts', 'b.ts', 'c.ts']) agent.tool('Read', { file_path: `/Users/ada/src/shown/${name}` }, 'text')
    const task = agent.call('Task', { description: 'count the callers', prompt: 'count them' })
    agent.output({ type: 'assistant', parentToolUseId: task, message: { role: 'assistant', content: [{ type: 'tool_use', id: 'inner', name: 'Grep', input: { pattern: 'redirect(' } }] } })
    agent.result(task, 'seven callers')
    agent.codex({ type: 'plan', entries: [{ content: 'measure', status: 'completed' }, { content: 'cut twice', status: 'in_progress' }] })
    agent.tool('Read', { file_path: '/Users/ada/src/shown/logo.png' }, [{ type: 'image', source: { type: 'base64', media_type: 'image/png', data: sunset } }])
    agent.handle('readGeneratedImage', () => ({ success: true, content: sunset, mimeType: 'image/png', fileName: 'sunset.png' }))
    agent.codex({ type: 'generated-image', imageId: 'sha-1', fileName: 'sunset.png', mimeType: 'image/png' })
    agent.say('It costs $5 and $6.\n\n$$\\int_0^1 x^2\\,dx = \\frac13$$\n\n```mermaid\nflowchart LR\n  Phone --> Hub --> Agent\n```\n\n```mermaid\nflowchart LR\n  this is ->> nothing\n```')
    await agent.flushed()
    const page = await stage.at(`/sessions/${agent.id}`, { size: desk })

    await page.getByText('It costs $5 and $6.').waitFor()
    await page.locator('.katex math, .katex-mathml').first().waitFor({ state: 'attached' })
    const diagram = page.getByRole('button', { name: /^Diagram:/ })
    await diagram.waitFor()
    await page.getByText('This diagram cannot be drawn').waitFor()
    expect(await barriers(page)).toEqual([])

    await diagram.click()
    const viewer = page.getByRole('dialog')
    const shown = viewer.getByRole('img')
    const width = async () => (await shown.boundingBox())?.width ?? 0
    await until('the diagram is there', async () => (await width()) > 50)
    const before = await width()
    await page.keyboard.press('+')
    await until('it grows', async () => (await width()) > before * 1.2)
    await page.keyboard.press('0')
    await until('it is whole again', async () => Math.abs((await width()) - before) < 1)
    await shown.dblclick()
    await until('it is close', async () => (await width()) > before * 2)
    expect(await barriers(page)).toEqual([])
    await page.keyboard.press('Escape')
    await viewer.waitFor({ state: 'detached' })

    const log = page.getByRole('log')
    await log.evaluate((el) => el.scrollTo(0, 0))
    await log.getByText('Read 3 files').click()
    await log.getByText('b.ts').first().waitFor()
    await log.getByText('count the callers').click()
    await log.getByText('redirect(').waitFor()
    await log.getByText('seven callers').waitFor()
    await log.getByText('Plan, 1 of 2 done.').waitFor()
    for (const name of ['Picture', 'sunset.png']) {
      await log.getByRole('button', { name }).click()
      await page.getByRole('dialog', { name }).waitFor()
      await page.keyboard.press('Escape')
      await page.getByRole('dialog').waitFor({ state: 'detached' })
    }
    // The policy against foreign scripts and styles held, and nothing fell over.
    expect(stage.problems.flat()).toEqual([])
  })

  test('a swipe down closes a picture', async () => {
    const agent = await stage.hub.agent(folder('swipe'))
    agent.tool('Read', { file_path: '/Users/ada/src/swipe/logo.png' }, [{ type: 'image', source: { type: 'base64', media_type: 'image/png', data: sunset } }])
    const page = await stage.at(`/sessions/${agent.id}`)
    await page.getByRole('button', { name: 'Picture' }).tap()
    const image = page.getByRole('dialog').getByRole('img')
    await until('it is there', async () => ((await image.boundingBox())?.width ?? 0) > 5)
    const cdp = await page.context().newCDPSession(page)
    const touch = (type: 'touchStart' | 'touchMove' | 'touchEnd', y: number) => cdp.send('Input.dispatchTouchEvent', { type, touchPoints: type === 'touchEnd' ? [] : [{ x: 195, y }] })
    await touch('touchStart', 400)
    for (let y = 420; y <= 560; y += 20) await touch('touchMove', y)
    await touch('touchEnd', 560)
    await page.getByRole('dialog').waitFor({ state: 'detached' })
  })

  test('how full the context is, and with what', async () => {
    const agent = await stage.hub.agent(folder('context'))
    agent.say('Hello.')
    const page = await stage.at(`/sessions/${agent.id}`)
    await page.getByRole('button', { name: '62 % context' }).click()
    await page.getByText('117.8K of 190K tokens').waitFor()
    await page.getByText('117,800').waitFor()
  })

  test('the summary of a turn is shown only where the hub says so', async () => {
    const agent = await stage.hub.agent(folder('summary'))
    agent.say('All done.\n\nAGENT_NOTIFY_SUMMARY {"version":1,"status":"done","summary":"Three tests added"}')
    const page = await stage.at(`/sessions/${agent.id}`)
    await page.getByText('All done.').waitFor()
    expect(await page.getByText(/NOTIFY_SUMMARY|Three tests added/).count()).toBe(0)
    const { token: jwt } = await stage.hub.post<{ token: string }>('/api/auth', { accessToken: token })
    const set = (on: boolean) => fetch(`${stage.hub.url}/api/hub-settings`, { method: 'PUT', headers: { Authorization: `Bearer ${jwt}`, 'Content-Type': 'application/json' }, body: JSON.stringify({ sessionSummaryInChat: on }) })
    await set(true)
    await page.reload()
    await page.getByText('Done: Three tests added').waitFor()
    await set(false)
  })
})

describe('what waits', () => {
  test('goes to the running turn, is tried again, and is taken back', async () => {
    const agent = await stage.hub.agent({ ...folder('waits'), flavor: 'codex' })
    agent.takes = false
    agent.handle('steer-queued-message', () => ({ steered: true }))
    await agent.steerable(true)
    agent.think(true)
    const page = await stage.at(`/sessions/${agent.id}`, { size: desk })
    await page.getByRole('button', { name: 'Stop the agent' }).waitFor()
    const queue = page.getByRole('region', { name: 'Waiting messages' })
    await page.getByLabel('Message', { exact: true }).fill('faster please')
    await page.keyboard.press('Enter')
    await queue.getByText('faster please').waitFor()
    await queue.getByRole('button', { name: 'Give it to the running turn' }).click()
    const steer = await until('the agent is given it', () => agent.calls.find((c) => c.method === 'steer-queued-message'))

    agent.unsure(String(steer.params.localId))
    await queue.getByText('Unclear if delivered').waitFor()
    await queue.getByRole('button', { name: 'Try again' }).click()
    await until('the agent is asked again', () => agent.calls.some((c) => c.method === 'retry'))
    await queue.getByText('Next:').waitFor()
    await queue.getByRole('button', { name: 'Take back' }).click()
    await queue.waitFor({ state: 'detached' })
  })
})

/** A file that is on the session's machine: it can be removed again. */
const attachedTo = (page: Page) => (name: string) => page.getByRole('button', { name: `Remove ${name}` })

describe('what goes along', () => {
  test('a waiting message comes back into the field with its files', async () => {
    const agent = await stage.hub.agent(folder('edit'))
    agent.takes = false
    agent.think(true)
    const page = await stage.at(`/sessions/${agent.id}`)
    await page.getByRole('button', { name: 'Stop the agent' }).waitFor()
    await page.locator('input[type="file"][multiple]').setInputFiles({ name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('notes') })
    const attached = attachedTo(page)
    await attached('notes.txt').waitFor()
    await page.getByRole('button', { name: 'Send' }).click()
    const queue = page.getByRole('region', { name: 'Waiting messages' })
    await queue.getByText('notes.txt').waitFor()
    await queue.getByRole('button', { name: 'Edit' }).click()
    await queue.waitFor({ state: 'detached' })
    await attached('notes.txt').waitFor()
    expect(await page.getByLabel('Message', { exact: true }).inputValue()).toBe('')
  })

  test('a pasted picture, a dropped file, and a photo are attached and sent', async () => {
    const agent = await stage.hub.agent(folder('files'))
    const page = await stage.at(`/sessions/${agent.id}`, { size: phone })
    const field = page.getByLabel('Message', { exact: true })
    await field.waitFor()
    const attached = attachedTo(page)
    await field.evaluate((el, data) => {
      const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0))
      const files = new DataTransfer()
      files.items.add(new File([bytes], 'pasted.png', { type: 'image/png' }))
      el.dispatchEvent(new ClipboardEvent('paste', { clipboardData: files, bubbles: true, cancelable: true }))
    }, sunset)
    await attached('pasted.png').waitFor()
    await field.evaluate((el) => {
      const files = new DataTransfer()
      files.items.add(new File(['notes'], 'notes.txt', { type: 'text/plain' }))
      for (const type of ['dragover', 'drop']) el.dispatchEvent(new DragEvent(type, { dataTransfer: files, bubbles: true, cancelable: true }))
    })
    await attached('notes.txt').waitFor()
    const camera = page.locator('input[capture="environment"][accept="image/*"]')
    await camera.setInputFiles({ name: 'photo.png', mimeType: 'image/png', buffer: Buffer.from(sunset, 'base64') })
    await attached('photo.png').waitFor()
    await page.getByRole('button', { name: 'Remove notes.txt' }).click()
    await attached('notes.txt').waitFor({ state: 'detached' })
    await field.fill('look at these')
    await page.getByRole('button', { name: 'Send' }).click()
    await until('the agent has them', () => agent.prompts.length === 1)
    expect(agent.calls.filter((c) => c.method === 'uploadFile').map((c) => c.params.filename)).toEqual(['pasted.png', 'notes.txt', 'photo.png'])
    await page.getByRole('log').getByRole('button', { name: 'photo.png' }).tap()
    await page.getByRole('dialog', { name: 'photo.png' }).waitFor()
    await page.getByText('2 of 2').waitFor()
    expect(await page.getByRole('dialog').getByRole('img', { name: 'photo.png' }).getAttribute('src')).toBe(`data:image/png;base64,${sunset}`)
  })

  test('Ctrl M gives the agent the next model, Shift Tab the next mode', async () => {
    const agent = await stage.hub.agent(folder('keys'))
    const page = await stage.at(`/sessions/${agent.id}`, { size: desk })
    await page.getByLabel('Message', { exact: true }).click()
    await page.keyboard.press('Control+m')
    await until('the model is set', () => agent.calls.some((c) => c.method === 'set-session-config' && 'model' in c.params))
    await page.keyboard.press('Shift+Tab')
    await until('the mode is set', () => agent.calls.some((c) => c.method === 'set-session-config' && c.params.permissionMode === 'acceptEdits'))
  })
})

test('a file is kept from its row', async () => {
  const agent = await stage.hub.agent(folder('files'))
  showProject(agent)
  const page = await stage.at(`/sessions/${agent.id}/files?tab=directories`)
  const kept = page.waitForEvent('download')
  await page.getByRole('button', { name: 'Download README.md' }).tap()
  const file = await kept
  expect(file.suggestedFilename()).toBe('README.md')
  expect(readFileSync(await file.path(), 'utf8')).toContain('redirectAfterLogin')
})

describe('a shell', () => {
  test('that one browser has open is joined by another, and left running', async () => {
    const agent = await stage.hub.agent(folder('shells'))
    const desktop = await stage.at(`/sessions/${agent.id}/terminal`, { size: desk })
    await desktop.getByText('migrate.sql').first().waitFor() // none was open: it has its own at once
    const mobile = await stage.at(`/sessions/${agent.id}/terminal`)
    const shells = mobile.getByRole('list', { name: 'Open shells' }).getByRole('button')
    await shells.filter({ hasText: 'ada@studio:~/src/app$' }).filter({ hasText: '1 browser looks' }).waitFor()
    expect(await barriers(mobile)).toEqual([])
    await shells.first().click()
    await mobile.getByText('migrate.sql').first().waitFor() // what it printed before
    await desktop.getByRole('textbox', { name: /Terminal input/ }).pressSequentially('make me')
    await mobile.getByText('make me').first().waitFor()

    await mobile.getByRole('button', { name: 'Write whole commands' }).click()
    await mobile.getByRole('textbox', { name: 'Command', exact: true }).fill('; echo all at once')
    expect(await barriers(mobile)).toEqual([])
    await mobile.keyboard.press('Enter')
    await desktop.getByText('; echo all at once').first().waitFor()

    for (const page of [desktop, mobile]) await page.getByRole('button', { name: 'Other shells' }).click()
    await shells.filter({ hasText: 'make me' }).filter({ hasText: 'nobody looks' }).waitFor() // it goes on
    await shells.first().click()
    await mobile.getByText('migrate.sql').first().waitFor()
    await mobile.getByRole('button', { name: 'Back' }).click() // the last one closes it
    await desktop.getByText('No shell is open.').waitFor()
  })
})
