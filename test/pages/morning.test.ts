import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Browser } from 'playwright-core'
import { type Environment, ServerProcess, startServer } from '../../kit/command-line.ts'
import { createRegistrationCampus, password } from '../../kit/registration-campus.ts'
import type { CampusDatabase } from '../../kit/campus-database.ts'
import { findChromium } from '../../kit/servers/chromium.ts'
import { languages, launch, Visitor } from './browser.ts'

const say = (line: string): void => void process.stderr.write(`${line}\n`)
const chromium = await findChromium(say)
if (chromium === undefined) say('NOT RUN, for want of Chromium: the tests of the pages. Install chromium.')

describe('a student’s morning in a browser', {
  skip: chromium === undefined && 'there is no Chromium',
}, () => {
  let browser: Browser
  let campus: CampusDatabase
  let environment: Environment
  let server: ServerProcess
  before(async () => {
    assert.ok(chromium !== undefined)
    campus = await createRegistrationCampus('pages')
    await campus.database.query(
      "UPDATE students SET enrollment_start_time = '2098-01-01' WHERE id IN (15, 17)",
    )
    environment = { DATABASE_URL: campus.url, ENROLLMENT_CAMPUS: 'pages' }
    server = await startServer(environment)
    browser = await launch(chromium)
    await server.untilReady()
  })
  after(async () => {
    await browser?.close()
    await server?.kill()
    await campus?.remove()
  })

  /** Through the API, not through the page. */
  async function heldBy(student: number): Promise<string[]> {
    const { data } = (await request(student, 'GET /student/course')) as {
      data: { course: { course_id: number; group_id: number }; reserve_queue_position: number }[]
    }
    return data.map(
      ({ course, reserve_queue_position }) =>
        `${course.course_id}/${course.group_id} at ${reserve_queue_position}`,
    )
  }

  async function request(
    student: number,
    line: 'GET /student/course' | 'DELETE /student/course?course_id=307',
  ) {
    const login = await server.client.send('POST /login', { body: { user: student, password } })
    const { token } = login.body as { token: string }
    return (await server.client.send(line, { token })).body
  }

  /** Who has the only seat of group 2 of course 307. */
  let seated = 902
  const visits = [
    { language: languages.en, width: 1280, student: 1 },
    { language: languages.fa, width: 320, student: 3 },
    { language: languages.en, width: 320, student: 5 },
    { language: languages.fa, width: 1280, student: 7 },
  ]
  for (const { student, ...visit } of visits) {
    test(`by keyboard alone, in ${visit.language.name}, ${visit.width} pixels wide`, async () => {
      const visitor = await Visitor.open(browser, visit, server.address)
      const { page, language } = visitor
      assert.equal(await page.locator('html').getAttribute('dir'), language.direction)
      await visitor.assertAccessible('signing in')
      await visitor.signIn(student, password)
      await visitor.assertAccessible('an empty week')

      await visitor.find(301, 1)
      await visitor.press('ArrowDown')
      await visitor.press('Enter')
      await visitor.untilTold('good', 'Course 301')

      const clashing = await visitor.find(302, 2)
      await clashing.locator('.misfits').filter({ hasText: 'Course 301' }).waitFor()
      await visitor.assertAccessible('a search')
      await visitor.goTo(clashing.locator('button'), 'ArrowDown')
      await visitor.press('Enter')
      await visitor.untilTold('bad', 'Course 301')
      await visitor.assertAccessible('a refusal')

      const full = await visitor.find(307, 2)
      await visitor.goTo(full.locator('button'), 'ArrowDown')
      await visitor.press('Enter')
      await visitor.untilTold('good', 'Course 307')
      await visitor.week()
      await page.locator('.card.reserved').waitFor()
      await visitor.assertAccessible('a week with a queue')

      await request(seated, 'DELETE /student/course?course_id=307')
      seated = student
      await visitor.untilTold('good', 'Course 307')
      await page.locator('.card.reserved').waitFor({ state: 'detached' })
      assert.deepEqual(await heldBy(student), ['301/1 at 0', '307/2 at 0'])

      const held = page.locator('.card').filter({ hasText: 'Course 301' })
      await visitor.goTo(held.locator('button'))
      await visitor.press('Enter')
      await visitor.goTo(held.locator('button.danger'), 'Shift+Tab')
      await visitor.assertAccessible('a question')
      await visitor.press('Enter')
      await visitor.untilTold('good', 'Course 301')
      assert.deepEqual(await heldBy(student), ['307/2 at 0'])

      await visitor.goTo(page.locator('nav a').nth(2), 'Shift+Tab')
      await visitor.press('Enter')
      const refused = page.locator('.record .card').filter({ hasText: 'Course 302' })
      await refused.locator('.misfits').filter({ hasText: 'Course 301' }).waitFor()
      await visitor.assertAccessible('a record')
      await visitor.close()
    })
  }

  test('a lost reply: the same request goes out again, and is done once', async () => {
    const visitor = await Visitor.open(browser, { language: languages.en, width: 1280 }, server.address)
    const { page } = visitor
    await visitor.signIn(9, password)
    const keys: (string | undefined)[] = []
    await page.route('**/student/course', async (route) => {
      if (route.request().method() !== 'PUT') return await route.continue()
      keys.push(route.request().headers()['idempotency-key'])
      if (keys.length > 1) return await route.continue()
      await route.fetch()
      await route.abort()
    })
    await visitor.find(401, 1)
    await visitor.press('ArrowDown')
    await visitor.press('Enter')
    await visitor.untilTold('good', 'Course 401')
    assert.equal(keys.length, 2)
    assert.equal(keys[0], keys[1])
    assert.deepEqual(await heldBy(9), ['401/1 at 0'])
    await visitor.close()
  })

  test('a server that ends in the middle: the page says so, and the request is done when the next one leads', async () => {
    const visitor = await Visitor.open(browser, { language: languages.fa, width: 320 }, server.address)
    await visitor.signIn(11, password)
    await visitor.find(402, 1)
    await server.kill()
    await visitor.press('ArrowDown')
    await visitor.press('Enter')
    await visitor.page.locator('.again').waitFor()
    await visitor.page.locator('.freshness.away').waitFor()
    await visitor.assertAccessible('no server')
    const LISTEN_ADDRESS = new URL(server.address).host
    server = new ServerProcess(['server'], { ...environment, LISTEN_ADDRESS }, server.address)
    await visitor.untilTold('good', 'Course 402')
    await visitor.page.locator('.freshness.live').waitFor()
    assert.deepEqual(await heldBy(11), ['402/1 at 0'])
    await visitor.close()
  })

  test('a session that ends is announced, and the request that met its end is sent after signing in again', async () => {
    const visitor = await Visitor.open(browser, { language: languages.en, width: 320 }, server.address)
    const { page, language } = visitor
    await visitor.signIn(13, password)
    await visitor.find(403, 1)
    let isOver = true
    await page.route('**/student/course', async (route) => {
      if (route.request().method() !== 'PUT' || !isOver) return await route.continue()
      isOver = false
      await route.fulfill({ status: 401, json: { code: 'unauthenticated', reasons: [] } })
    })
    await visitor.press('ArrowDown')
    await visitor.press('Enter')
    await visitor.untilTold('bad', language.sessionEndedPending)
    await visitor.assertAccessible('a session that has ended')
    await visitor.signIn(13, password)
    await visitor.untilTold('good', 'Course 403')
    await campus.database.query('UPDATE students SET password = $1 WHERE id = 13', ['x'])
    await visitor.untilTold('bad', language.sessionEnded)
    await visitor.close()
  })

  for (const { student, ...visit } of [
    { language: languages.en, width: 320, student: 15 },
    { language: languages.fa, width: 1280, student: 17 },
  ]) {
    test(`a plan that was armed is sent once, when the time begins, in ${visit.language.name}`, async () => {
      const visitor = await Visitor.open(browser, visit, server.address)
      const { page, language } = visitor
      await visitor.signIn(student, password)
      await page.locator('.window.before').waitFor()
      for (const [course, group] of [
        [301, 1],
        [302, 2],
        [405, 1],
      ] as const) {
        const card = await visitor.find(course, group)
        await visitor.goTo(card.locator('button'), 'ArrowDown')
        await visitor.press('Enter')
        await card.locator('button').filter({ hasText: language.offPlan }).waitFor()
      }
      await visitor.goTo(page.locator('nav a').nth(0), 'Shift+Tab')
      await visitor.press('Enter')
      const plan = page.locator('.plan')
      await plan.locator('.misfits').filter({ hasText: 'Course 301' }).waitFor()
      await visitor.assertAccessible('a plan with a conflict')
      await visitor.goTo(plan.locator('li button').nth(1))
      await visitor.press('Enter')
      await visitor.goTo(plan.locator('button.main'))
      await visitor.press('Enter')
      await plan.locator('strong').filter({ hasText: language.armed }).waitFor()
      await visitor.assertAccessible('an armed plan')

      const sent: string[] = []
      page.on('request', (one) => {
        if (one.method() === 'POST') sent.push(new URL(one.url()).pathname)
      })
      const staff = await server.client.send('POST /login', { body: { user: 1, password, staff: true } })
      const { token } = staff.body as { token: string }
      const body = { std_id: student, enrollment_start_time: '2020-01-01T00:00:00Z' }
      const opened = await server.client.send('PATCH /staff/student', { token, body })
      assert.equal(opened.status, 204, opened.text)
      // The page would look by itself, in its own time.
      await page.evaluate(() => dispatchEvent(new Event('online')))
      await visitor.untilTold('good', 'Course 301')
      await plan.waitFor({ state: 'detached' })
      assert.deepEqual(await heldBy(student), ['301/1 at 0', '405/1 at 0'])
      assert.deepEqual(sent, ['/student/plan'])
      await visitor.close()
    })
  }

  test('whose time is over is told when it was, and the server’s refusal says the same', async () => {
    const visitor = await Visitor.open(browser, { language: languages.en, width: 1280 }, server.address)
    await visitor.signIn(801, password)
    await visitor.page.locator('.window.after').waitFor()
    await visitor.find(404, 1)
    await visitor.press('ArrowDown')
    await visitor.press('Enter')
    await visitor.untilTold('bad', 'Your enrollment time is from')
    await visitor.close()
  })
})
