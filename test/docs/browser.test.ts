import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { chromium, type Page } from 'playwright-core'
import { newEmail, password, startApp } from '#test/app'
import { programOnPath, requireStore } from '#test/stores'

const artefacts = join(import.meta.dirname, '../artefacts')

/** Nothing of Chromium's own goes out, and it runs as root in a container. */
const options = [
  '--no-sandbox',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-gpu',
  '--disable-sync',
  '--no-first-run',
]

test('the page at /docs signs a developer up and in, by itself and without a complaint', {
  timeout: 90_000,
}, async (t) => {
  const executablePath = programOnPath('chromium')
  if (!requireStore(t, 'chromium', executablePath !== null) || executablePath === null) return
  const { app } = await startApp(t)
  const origin = await app.listen({ host: '127.0.0.1', port: 0 })
  const browser = await chromium.launch({ executablePath, args: options })
  t.after(() => browser.close())
  const page = await browser.newPage({ viewport: { width: 1280, height: 1000 } })
  const complaints = listen(page, origin)

  await page.goto(`${origin}/docs`)
  const email = newEmail()
  const user = await execute(page, 'auth-register', 201, { email, password, fullName: 'Ada Lovelace' })
  const { accessToken } = await execute(page, 'auth-login', 200, { email, password, deviceName: 'Browser' })
  await authorise(page, accessToken)
  assert.deepEqual(await execute(page, 'account-getMe', 200), user)
  // Its optional parameters are left out, though all of them have examples.
  const { items } = await execute(page, 'sessions-listSessions', 200)
  assert.deepEqual([items.length, items[0].deviceName, items[0].current], [1, 'Browser', true])

  mkdirSync(artefacts, { recursive: true })
  await page.locator('#operations-account-getMe').evaluate('(operation) => operation.scrollIntoView()')
  await page.screenshot({ path: join(artefacts, 'docs-operation.png') })
  await page.evaluate('scrollTo(0, 0)')
  await page.screenshot({ path: join(artefacts, 'docs.png') })
  assert.deepEqual(complaints, [])
})

/** What the browser says against the page: on its console, of its security policy, and requests to other hosts. */
function listen(page: Page, origin: string): string[] {
  const complaints: string[] = []
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(`console: ${message.text()}`)
  })
  page.on('pageerror', (error) => complaints.push(`page: ${error.message}`))
  page.on('requestfailed', (request) => complaints.push(`failed: ${request.url()}`))
  page.on('request', (request) => {
    const url = new URL(request.url())
    if (url.protocol !== 'data:' && url.origin !== origin) complaints.push(`elsewhere: ${url}`)
  })
  return complaints
}

/** Opens an operation, sends it with the page's button, and returns what the page's request was answered. */
async function execute(page: Page, id: string, status: number, body?: object) {
  const operation = page.locator(`#operations-${id}`)
  await operation.locator('.opblock-summary-control').click()
  if (body) await operation.locator('textarea.body-param__text').fill(JSON.stringify(body))
  const [response] = await Promise.all([
    page.waitForResponse((answer) => new URL(answer.url()).pathname.startsWith('/api/')),
    operation.getByRole('button', { name: 'Execute' }).click(),
  ])
  const text = await response.text()
  assert.equal(response.status(), status, text)
  const shown = operation.locator('.live-responses-table .response-col_status')
  assert.match((await shown.last().textContent()) ?? '', new RegExp(`^${status}`))
  return JSON.parse(text)
}

async function authorise(page: Page, accessToken: string): Promise<void> {
  await page.locator('.auth-wrapper .authorize').first().click()
  const dialog = page.locator('.modal-ux')
  const form = dialog.locator('.auth-container', { hasText: 'accessToken' })
  await form.locator('input').fill(accessToken)
  await form.getByRole('button', { name: 'Apply credentials' }).click()
  await dialog.locator('.close-modal').click()
}
