/** A hub and a browser for the tests of one file. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll } from 'vitest'
import { Hub, launch, phone, visit, type Look } from './world'

export class Stage {
  #hub: Hub | null = null
  #browser: Browser | null = null
  #open: { close(): Promise<void> }[] = []
  /** What pages complained about in the present test. */
  problems: string[][] = []

  constructor() {
    beforeAll(async () => {
      this.#hub = await Hub.start()
      this.#browser = await launch()
    })
    afterEach(async () => {
      for (const c of this.#open.splice(0)) await c.close()
      this.problems = []
    })
    afterAll(async () => {
      await this.#browser?.close()
      await this.#hub?.stop()
    })
  }

  get hub(): Hub {
    if (!this.#hub) throw new Error('the hub has not started')
    return this.#hub
  }

  async at(path: string, look: Look = { size: phone }): Promise<Page> {
    if (!this.#browser) throw new Error('the browser has not started')
    const { page, context, problems } = await visit(this.#browser, this.hub, path, look)
    page.setDefaultTimeout(60_000)
    this.#open.push(context)
    this.problems.push(problems)
    return page
  }
}

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

interface Violation {
  id: string
  impact: string
  nodes: { html: string; failureSummary: string }[]
}

/** What axe finds serious or worse on the page as it is. */
export async function barriers(page: Page): Promise<string[]> {
  await page.waitForTimeout(250) // colours are measured after the last animation
  await page.evaluate(axe)
  const violations = await page.evaluate(async () => {
    const run = (window as unknown as { axe: { run(o: object): Promise<{ violations: Violation[] }> } }).axe
    return (await run.run({ resultTypes: ['violations'] })).violations.filter((v) => v.impact === 'serious' || v.impact === 'critical')
  })
  return violations.map((v) => `${v.id} ${v.nodes.map((n) => n.html.slice(0, 160) + n.failureSummary.slice(0, 160)).join(' | ')}`)
}
