import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { AxeResults } from 'axe-core'
import { type Browser, chromium, type Locator, type Page } from 'playwright-core'
import { english, type Language } from '../../src/pages/languages/en.ts'
import { persian } from '../../src/pages/languages/fa.ts'
import type { Chromium } from '../../kit/servers/chromium.ts'

/** Whatever starts on a busy machine takes its time. */
const waitMsMax = 120_000
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

export const languages = { en: english, fa: persian }

export interface Visit {
  readonly language: Language
  readonly width: number
}

/** Runs without what reaches for other hosts, and as any account, in containers too. */
export async function launch({ program, environment }: Chromium): Promise<Browser> {
  return await chromium.launch({
    executablePath: program,
    env: { ...process.env, ...environment },
    timeout: waitMsMax,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-dev-shm-usage',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  })
}

/** A window of the browser, and what a person does in it. */
export class Visitor {
  readonly page: Page
  readonly language: Language
  /** What must not happen: errors of the page, and requests to any other server. */
  readonly faults: string[] = []

  private constructor(page: Page, { language }: Visit, origin: string) {
    this.page = page
    this.language = language
    page.on('pageerror', (error) => this.faults.push(error.message))
    page.on('request', (request) => {
      const url = request.url()
      if (!url.startsWith(`${origin}/`) && !url.startsWith('data:')) this.faults.push(`it asks for ${url}`)
    })
    page.on('console', (message) => {
      if (/Content Security Policy/i.test(message.text())) this.faults.push(message.text())
    })
  }

  static async open(browser: Browser, visit: Visit, origin: string): Promise<Visitor> {
    const context = await browser.newContext({
      locale: visit.language.locale,
      viewport: { width: visit.width, height: 800 },
      timezoneId: 'Asia/Tehran',
      colorScheme: visit.width > 500 ? 'light' : 'dark',
      reducedMotion: 'reduce',
    })
    context.setDefaultTimeout(waitMsMax)
    const visitor = new Visitor(await context.newPage(), visit, origin)
    await visitor.page.goto(`${origin}/`)
    return visitor
  }

  async close(): Promise<void> {
    await this.page.context().close()
    assert.deepEqual(this.faults, [])
  }

  press(key: string): Promise<void> {
    return this.page.keyboard.press(key)
  }

  type(text: string): Promise<void> {
    return this.page.keyboard.type(text)
  }

  /** Moves on by the key until this has the focus. */
  async goTo(wanted: Locator, key = 'Tab'): Promise<void> {
    await wanted.waitFor()
    for (let steps = 0; steps < 200; steps++) {
      if (await wanted.evaluate((element) => element === document.activeElement)) return
      await this.press(key)
    }
    assert.fail(`${String(wanted)} cannot be reached by ${key}`)
  }

  /** Signs in by the keyboard alone: the first field has the focus. */
  async signIn(student: number, password: string): Promise<void> {
    await this.goTo(this.page.locator('#user'))
    await this.press('Control+A')
    await this.type(String(student))
    await this.press('Tab')
    await this.type(password)
    await this.press('Enter')
    await this.page.locator('.freshness.live').waitFor()
  }

  /** Searches, and waits for the only group of this number. */
  async find(course: number, group: number): Promise<Locator> {
    await this.goTo(this.page.locator('nav a').nth(1))
    await this.press('Enter')
    await this.goTo(this.page.locator('input[type=search]'))
    await this.press('Escape')
    await this.type(`Course ${course}`)
    const card = this.page.locator('.card').nth(group - 1)
    await card.filter({ hasText: `Course ${course}` }).waitFor()
    return card
  }

  async week(): Promise<void> {
    await this.goTo(this.page.locator('nav a').nth(0), 'Shift+Tab')
    await this.press('Enter')
    await this.page.locator('.badge').first().waitFor()
  }

  /** Waits for what the page says, and that it has this in it. */
  async untilTold(kind: 'good' | 'bad' | 'news', text: string): Promise<void> {
    await this.page.locator(`[role=status] .message.${kind}`).filter({ hasText: text }).waitFor()
  }

  /** What axe-core finds wrong with the page as it is; nothing must run over its edge. */
  async assertAccessible(state: string): Promise<void> {
    await this.page.evaluate(axe)
    const { violations } = await this.page.evaluate<AxeResults>('axe.run()')
    const found = violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${state}: ${id}: ${html}`))
    assert.deepEqual(found, [])
    const tooWide = await this.page.evaluate(() => document.documentElement.scrollWidth - innerWidth)
    assert.ok(tooWide <= 0, `${state}: ${tooWide} pixels too wide`)
  }
}
